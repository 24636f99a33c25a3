import { s32, u32 } from '../fields.js';
import { record } from './definition.js';

/**
 * Announces a shared object: its body follows, and every later use is the objref alone. Objrefs count from 1 in the
 * order in which objects are first met; where an objref is used, 0 means none.
 */
export const OBJREF = record('OBJREF', { objtype: u32, objref: s32 });
