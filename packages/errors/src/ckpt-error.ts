import { types } from 'node:util';
import type { ErrorCode } from './catalogue.js';
import { codeOfSystem, systemErrorOf } from './system-error.js';

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

/** Any thrown value as a ckptree error. Errors of the system keep their path, and say in our words what was tried and why not. */
export function asCkptError(error: unknown): CkptError {
  if (isCkptError(error)) return error;
  if (!types.isNativeError(error)) return new CkptError('EIO', String(error), {}, error);
  const { code, path, message } = error as NodeJS.ErrnoException;
  const system = systemErrorOf(error);
  const sentence = system === undefined ? message : `cannot ${system.attempt}: ${system.reason}`;
  return new CkptError(codeOfSystem(code), sentence, path === undefined ? {} : { path }, error);
}

/**
 * The failure of something that was to be done with a file, in the words of whoever wanted it.
 * @param what     what was wanted, as in `cannot WHAT PATH: reason`
 * @param path     the file as users know it: not a temporary name
 */
export function cannot(what: string, path: string, error: unknown): CkptError {
  return new CkptError(
    asCkptError(error).code,
    `cannot ${what} ${path}: ${reasonOf(error)}`,
    { path },
    error,
  );
}

/** Why it failed, to be said by somebody who says what was tried. */
export const reasonOf = (error: unknown): string =>
  systemErrorOf(error)?.reason ?? asCkptError(error).message;
