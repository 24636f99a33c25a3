import { types } from 'node:util';
import type { ErrorCode } from './catalogue.js';

/** Where it happened. All fields are optional, plain data, and survive every boundary. */
export interface ErrorFields {
  /** The task: its pid, and its name as far as known. */
  readonly pid?: number;
  readonly comm?: string;
  /** The shared object: its type name (`MM`, `FILE`, ...) and its objref. */
  readonly object?: string;
  readonly objref?: number;
  /** The vma, as `start-end` in hexadecimal. */
  readonly vma?: string;
  /** Byte position in the image, core or document. */
  readonly position?: number;
  /** The file at fault. */
  readonly path?: string;
  /** The field of the document, message or command line, as a JSON pointer or option name. */
  readonly field?: string;
  /** The worker of a cluster. */
  readonly worker?: string;
}

/** The one error class of ckptree: a code from the catalogue, a sentence, and where it happened. */
export class CkptError extends Error {
  override readonly name = 'CkptError';
  readonly code: ErrorCode;
  readonly fields: ErrorFields;

  /**
   * @param code    from the catalogue
   * @param message what happened, where, and what to do about it, in one sentence without the code
   * @param fields  the place, as data
   * @param cause   the error underneath, if any
   */
  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}

/** The same error with more of the place filled in; what is already known stays. */
export function at(error: unknown, fields: ErrorFields): CkptError {
  const known = asCkptError(error);
  return new CkptError(known.code, known.message, { ...fields, ...known.fields }, known.cause);
}

/** Recognises a ckptree error by its data, whichever thread, realm or copy of this package made it. */
export function isCkptError(error: unknown): error is CkptError {
  return types.isNativeError(error) && error.name === 'CkptError' && 'code' in error && 'fields' in error;
}

/** Any thrown value as a ckptree error. System errors keep their code where the catalogue has it. */
export function asCkptError(error: unknown): CkptError {
  if (isCkptError(error)) return error;
  const { code, path, message } = describe(error);
  return new CkptError(code, message, path === undefined ? {} : { path }, error);
}

function describe(error: unknown): { code: ErrorCode; path: string | undefined; message: string } {
  if (!types.isNativeError(error)) return { code: 'EIO', path: undefined, message: String(error) };
  const { code, path } = error as NodeJS.ErrnoException;
  return { code: systemCode(code), path, message: error.message };
}

/** Codes of the operating system and of Node that have a counterpart in the catalogue under another name. */
const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  EPERM: 'EPERM',
  EACCES: 'EPERM',
  EROFS: 'EPERM',
  ENOENT: 'ENOENT',
  ENOTDIR: 'ENOENT',
  EEXIST: 'EEXIST',
  EISDIR: 'EINVAL',
  EINVAL: 'EINVAL',
  ENOSPC: 'ENOSPC',
  EDQUOT: 'ENOSPC',
  EFBIG: 'ENOSPC',
  ENAMETOOLONG: 'EINVAL',
  EMFILE: 'EMFILE',
  ENFILE: 'EMFILE',
  EBADF: 'EBADF',
  EPIPE: 'EPIPE',
  ENOMEM: 'ENOMEM',
  ABORT_ERR: 'EINTR',
};

function systemCode(code: string | undefined): ErrorCode {
  return (code !== undefined && Object.hasOwn(SYSTEM_CODES, code) && SYSTEM_CODES[code]) || 'EIO';
}
