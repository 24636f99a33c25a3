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
  const { code, message, fields, cause } = asCkptError(error);
  // asCkptError() wraps a foreign error as its own cause, with the same message; that says nothing new.
  const deeper = isWrapOf(message, cause) ? (cause as Error).cause : cause;
  const data = { code, message, fields: { ...fields } };
  return deeper === undefined || depth === 0 ? data : { ...data, cause: toData(deeper, depth - 1) };
}

function isWrapOf(message: string, cause: unknown): boolean {
  return types.isNativeError(cause) && cause.name !== 'CkptError' && cause.message === message;
}

/** The error back from its data. Unknown codes (a newer peer's) become EIO and keep their name in the message. */
export function errorFromData(data: ErrorData): CkptError {
  const cause = data.cause === undefined ? undefined : errorFromData(data.cause);
  return isErrorCode(data.code)
    ? new CkptError(data.code, data.message, data.fields, cause)
    : new CkptError('EIO', `${data.code}: ${data.message}`, data.fields, cause);
}
