import { FILE_TYPE, PATH_MAX, RECORD_HEADER_SIZE } from '../constants.js';
import { between } from '../lengths.js';
import { announce } from './announce.js';
import type { Context } from './context.js';
import type { State } from './state.js';
import { readText } from './text.js';
import { fixed, payload, type Transition, type Transitions } from './transition.js';

const fileTable: Transition = fixed('FILE_TABLE', (context, { fdt_nfds }, at) => {
  if (fdt_nfds < 0)
    context.report('out-of-range', at.field('fdt_nfds'), `a table of ${fdt_nfds} descriptors`);
  const table = context.fileTable ?? context.startFileTable(0);
  table.left = fdt_nfds < 0 ? undefined : fdt_nfds;
  context.visitor.fileTable(table.objref);
  return afterDescriptors(context);
});

function afterDescriptors(context: Context): State {
  // How many there are is unknown after damage; then what comes tells.
  if (context.fileTable?.left === undefined) context.lost = true;
  if (context.fileTable?.left !== 0) return 'descriptors';
  context.fileTable = undefined;
  return 'objects';
}

const descriptor: Transition = fixed('FILE_DESC', (context, values, at) => {
  const { fd_descriptor: fd, fd_close_on_exec: closeOnExec, fd_objref: objref } = values;
  const table = context.fileTable ?? context.startFileTable(0);
  if (fd <= table.lastFd)
    context.report(
      'descriptor',
      at.field('fd_descriptor'),
      `descriptor ${fd} stands where one above ${table.lastFd} should be`,
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
  table.lastFd = fd;
  if (table.left !== undefined) table.left--;
  return afterDescriptors(context);
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
  between(RECORD_HEADER_SIZE + 2, RECORD_HEADER_SIZE + PATH_MAX),
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
  descriptors: { OBJREF: announce('descriptors', 'FILE'), FILE_DESC: descriptor },
  file: { FILE: file },
  'file-name': { FILE_NAME: fileName },
} satisfies Partial<Record<State, Transitions>>;
