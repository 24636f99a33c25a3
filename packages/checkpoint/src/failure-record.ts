import { asCkptError, CATALOGUE } from '@ckptree/errors';
import { encode, putErrorRecord } from '@ckptree/image';

/** What a failed checkpoint ends its image with. @param position bytes written before it */
export const encodeFailure = (failure: unknown, position: number): Uint8Array =>
  encode(putErrorRecord, failureText(failure, position));

/** The failure as one line, with the place in the tags that Linux-CR uses: errno, position, source, task, object. */
export function failureText(failure: unknown, position: number): string {
  const { code, message, fields } = asCkptError(failure);
  const { pid, comm = '', object, objref } = fields;
  const task = pid === undefined ? '' : `[pid ${pid} tsk ${comm}]`;
  const shared = objref === undefined ? '' : `[obj ${objref}][str ${object ?? ''}]`;
  return `[err -${CATALOGUE[code].errno}][pos ${position}][E @ dump:dumpSequential]${task}${shared} ${message}`;
}
