import { CkptError } from '@ckptree/errors';
import type { FileDescriptor, FileTable, OpenFile } from '@ckptree/model';
import { FILE_TYPE, OBJECT_TYPE, type ObjectTypeName, PATH_MAX } from '../constants.js';
import { putPayload, putRecord } from '../records.js';
import { encodeText } from '../text.js';
import type { RecordTarget } from './target.js';

/** Announces a shared object. @param objref from 1 */
export const putObjref = (target: RecordTarget, type: ObjectTypeName, objref: number): void =>
  putRecord(target, 'OBJREF', { objtype: OBJECT_TYPE[type], objref });

/** An open file where it is first met: OBJREF, FILE, FILE_NAME. @throws EOVERFLOW the path is too long */
export function putFile(target: RecordTarget, file: OpenFile, objref: number): void {
  putObjref(target, 'FILE', objref);
  putRecord(target, 'FILE', {
    f_type: FILE_TYPE.GENERIC,
    f_mode: file.mode,
    f_flags: file.flags,
    f_credref: 0,
    f_pos: BigInt(file.pos),
    f_version: file.version,
    f_secref: 0,
  });
  const name = encodeText(file.path);
  if (name.length > PATH_MAX)
    throw new CkptError('EOVERFLOW', `the path ${file.path} is longer than ${PATH_MAX - 1} bytes`, {
      path: file.path,
    });
  putPayload(target, 'FILE_NAME', name);
}

/** A descriptor table where it is first met: OBJREF, FILE_TABLE. Its descriptors follow, each behind its file. */
export function putFileTable(target: RecordTarget, { descriptors }: FileTable, objref: number): void {
  putObjref(target, 'FILE_TABLE', objref);
  putRecord(target, 'FILE_TABLE', { fdt_nfds: descriptors.length });
}

/** One descriptor. @param objref of its open file */
export const putFileDesc = (
  target: RecordTarget,
  { fd, closeOnExec }: FileDescriptor,
  objref: number,
): void =>
  putRecord(target, 'FILE_DESC', {
    fd_objref: objref,
    fd_descriptor: fd,
    fd_close_on_exec: closeOnExec ? 1 : 0,
  });
