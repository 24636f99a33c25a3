import { types } from 'node:util';
import { isErrorCode } from './catalogue.js';
import { asCkptError, CkptError, type ErrorFields } from './ckpt-error.js';

/** An error as plain data: what is posted to a thread, and later published. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly fields: ErrorFields;
  readonly cause?: ErrorData;
}

/** Causes deeper than this are cut: a message must not grow without bound. */
const MAX_CAUSES = 8;

/** The error as data. Anything that was thrown is taken; stacks stay behind. */
export function errorToData(error: unknown): ErrorData {
  return toData(error, MAX_CAUSES);
}

function toData(error: unknown, depth: number): ErrorData {
  const known = asCkptError(error);
  const { code, message, fields } = known;
  const cause = causeOf(known);
  const data = { code, message, fields: { ...fields } };
  return cause === undefined || depth === 0 ? data : { ...data, cause: toData(cause, depth - 1) };
}

/** What is underneath. asCkptError() makes whatever else was thrown the cause of the error for it, which says nothing new. */
function causeOf({ message, cause }: CkptError): unknown {
  if (!types.isNativeError(cause)) return String(cause) === message ? undefined : cause;
  return cause.name !== 'CkptError' && asCkptError(cause).message === message ? cause.cause : cause;
}

/** The error back from its data. Unknown codes (a newer peer's) become EIO and keep their name in the message. */
export function errorFromData(data: ErrorData): CkptError {
  const cause = data.cause === undefined ? undefined : errorFromData(data.cause);
  return isErrorCode(data.code)
    ? new CkptError(data.code, data.message, data.fields, cause)
    : new CkptError('EIO', `${data.code}: ${data.message}`, data.fields, cause);
}
