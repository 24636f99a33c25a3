import { padding, s32, u32, u64 } from '../fields.js';
import { record } from './definition.js';

/**
 * Open files and the tables of descriptors that refer to them.
 *
 *     file table = OBJREF(FILE_TABLE) FILE_TABLE { [file] FILE_DESC }     fdt_nfds times, ascending by descriptor
 *     file       = OBJREF(FILE) FILE FILE_NAME                           where it is first met, else nothing
 *
 * FILE_NAME is the path and a NUL.
 */
export const FILE_TABLE = record('FILE_TABLE', { fdt_nfds: s32, padding: padding(4) });

export const FILE_DESC = record('FILE_DESC', {
  fd_objref: s32,
  fd_descriptor: s32,
  fd_close_on_exec: u32,
  padding: padding(4),
});

export const FILE = record('FILE', {
  f_type: u32,
  f_mode: u32,
  f_flags: u32,
  f_credref: s32,
  f_pos: u64,
  f_version: u64,
  f_secref: s32,
  padding: padding(4),
});
