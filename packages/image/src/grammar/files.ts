import { FILE_TYPE, OBJECT_TYPE, PATH_MAX, RECORD_HEADER_SIZE } from '../constants.js';
import { between } from '../lengths.js';
import type { Context } from './context.js';
import type { State } from './state.js';
import { reportObject } from './task-objects.js';
import { readText } from './text.js';
import { fixed, payload, type Transition, type Transitions } from './transition.js';

const fileTable: Transition = fixed('FILE_TABLE', (context, { fdt_nfds }, at) => {
  if (fdt_nfds < 0)
    context.report('out-of-range', at.field('fdt_nfds'), `a table of ${fdt_nfds} descriptors`);
  if (context.fileTable === undefined) return 'descriptors';
  context.fileTable.left = fdt_nfds;
  context.visitor.fileTable(context.fileTable.objref);
  return afterDescriptors(context);
});

function afterDescriptors(context: Context): State {
  if (context.fileTable?.left !== 0) return 'descriptors';
  context.fileTable = undefined;
  return 'objects';
}

const descriptor: Transition = fixed('FILE_DESC', (context, values, at) => {
  const { fd_descriptor: fd, fd_close_on_exec: closeOnExec, fd_objref: objref } = values;
  const table = context.fileTable;
  if (fd <= (table?.lastFd ?? -1))
    context.report(
      'descriptor',
      at.field('fd_descriptor'),
      `descriptor ${fd} comes behind ${table?.lastFd ?? -1}`,
    );
  if (closeOnExec > 1)
    context.report(
      'descriptor',
      at.field('fd_close_on_exec'),
      `close on exec of descriptor ${fd} is ${closeOnExec}`,
    );
  if (objref === 0)
    context.report('object-undefined', at.field('fd_objref'), `descriptor ${fd} refers to no file`);
  context.useFile(objref, at.field('fd_objref'));
  context.visitor.fileDesc(values);
  if (table === undefined) return 'descriptors';
  table.lastFd = fd;
  if (table.left !== undefined) table.left--;
  return afterDescriptors(context);
});

/** A file where it is first met. @param user the state whose record uses it */
export const fileObjref = (user: State): Transition =>
  fixed('OBJREF', (context, { objtype, objref }, at) => {
    if (objtype !== OBJECT_TYPE.FILE) {
      reportObject(context, objtype, 'FILE', at);
      return user;
    }
    context.useFile(0, at.position);
    context.objects.define('FILE', objref, at.position);
    context.file = { objref, user, values: undefined };
    return 'file';
  });

const file: Transition = fixed('FILE', (context, values, at) => {
  const { f_type, f_pos, f_credref, f_secref } = values;
  if (f_type !== FILE_TYPE.GENERIC) reportFileType(context, f_type, at.field('f_type'));
  if (f_pos > BigInt(Number.MAX_SAFE_INTEGER))
    context.report('out-of-range', at.field('f_pos'), `a file position of ${f_pos} bytes`);
  if (f_credref !== 0)
    context.report(
      'object-undefined',
      at.field('f_credref'),
      `credentials with objref ${f_credref} are not in the image`,
    );
  if (f_secref !== 0)
    context.report(
      'object-undefined',
      at.field('f_secref'),
      `a security context with objref ${f_secref} is not in the image`,
    );
  if (context.file !== undefined) context.file.values = values;
  return 'file-name';
});

function reportFileType(context: Context, type: number, position: number): void {
  const name = Object.entries(FILE_TYPE).find(([, number]) => number === type)?.[0];
  if (name === undefined) context.report('out-of-range', position, `there are no files of type ${type}`);
  else context.report('file-type', position, `files of type ${name} are not supported`);
}

const fileName: Transition = payload(
  () => between(RECORD_HEADER_SIZE + 2, RECORD_HEADER_SIZE + PATH_MAX),
  (context, record) => {
    const { file } = context;
    const path = readText(context, record, 'path');
    if (file?.values === undefined) return file?.user ?? 'descriptors';
    context.visitor.file(file.objref, file.values, path);
    return file.user;
  },
);

export const fileStates = {
  'file-table': { FILE_TABLE: fileTable },
  descriptors: { OBJREF: fileObjref('descriptors'), FILE_DESC: descriptor },
  file: { FILE: file },
  'file-name': { FILE_NAME: fileName },
} satisfies Partial<Record<State, Transitions>>;
