import { CPU_REGISTERS, SEGMENT_REGISTERS } from '@ckptree/model';
import { type Field, u16, u32, u64 } from '../fields.js';
import { record } from './definition.js';

const each = <Name extends string, Value>(names: readonly Name[], field: Field<Value>) =>
  Object.fromEntries(names.map((name) => [name, field])) as Record<Name, Field<Value>>;

/** The registers of a task (x86-64). Behind the record header these are the 184 bytes of `Task.registers`. */
export const CPU = record('CPU', {
  ...each(CPU_REGISTERS, u64),
  ...each(SEGMENT_REGISTERS, u16),
  used_math: u32,
});
