import { CkptError, type ErrorFields } from '@ckptree/errors';
import { printable } from './printable.js';
import { type FindingCode, RULES } from './rules.js';

/** One breach of a rule of the format. */
export interface Finding {
  readonly code: FindingCode;
  /** Byte position in the image. */
  readonly position: number;
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** Which task, shared object and vma it concerns, as far as known. */
  readonly place: Pick<ErrorFields, 'pid' | 'comm' | 'object' | 'objref' | 'vma'>;
}

/** The finding as the error that a strict reader throws. */
export function findingError({ code, position, message, place }: Finding): CkptError {
  const task =
    place.pid === undefined ? '' : `, task ${place.pid}${place.comm ? ` (${printable(place.comm)})` : ''}`;
  return new CkptError(RULES[code].error, `image byte ${position}${task}: ${message}`, {
    ...place,
    position,
  });
}
