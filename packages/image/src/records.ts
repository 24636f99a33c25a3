import { CkptError } from '@ckptree/errors';
import { RECORD_HEADER_SIZE, RECORD_TYPE, type RecordTypeName } from './constants.js';
import { atLeast, exactly, type Lengths } from './lengths.js';
import { CPU } from './records/cpu.js';
import type { RecordDefinition } from './records/definition.js';
import { FILE, FILE_DESC, FILE_TABLE } from './records/file.js';
import { CONTAINER, ERROR, HEADER, HEADER_ARCH, TAIL } from './records/head.js';
import { MM, MM_CONTEXT, PGARR, SHORT_VMA_SIZE, VMA } from './records/mm.js';
import { OBJREF } from './records/objref.js';
import { RESTART_BLOCK, TASK, TASK_OBJS, THREAD, TREE } from './records/task.js';
import { allocate } from './slab.js';

/** Every record of fixed size. The others (BUFFER, STRING, FILE_NAME, ...) are a header and plain bytes. */
export const RECORDS = {
  HEADER,
  HEADER_ARCH,
  CONTAINER,
  OBJREF,
  TREE,
  TASK,
  TASK_OBJS,
  RESTART_BLOCK,
  THREAD,
  CPU,
  FILE_TABLE,
  FILE_DESC,
  FILE,
  MM,
  VMA,
  PGARR,
  MM_CONTEXT,
  TAIL,
  ERROR,
} as const;

/** A record of fixed size, by name. */
export type RecordName = keyof typeof RECORDS;

/** The values of a record's fields, by their names in the format. */
export type RecordValues<Name extends RecordName> =
  (typeof RECORDS)[Name] extends RecordDefinition<infer Values> ? Values : never;

const NAMES: ReadonlyMap<number, RecordTypeName> = new Map(
  Object.entries(RECORD_TYPE).map(([name, type]) => [type, name as RecordTypeName]),
);

/** The name of a record type; undefined when the format has no such type. */
export const recordTypeName = (type: number): RecordTypeName | undefined => NAMES.get(type);

/** Bytes of a record of fixed size, its header included. */
export const recordSize = (name: RecordName): number => RECORDS[name].size;

const PLAIN_BYTES = atLeast(RECORD_HEADER_SIZE);

const USUAL_LENGTHS: ReadonlyMap<RecordTypeName, Lengths> = new Map(
  Object.entries(RECORDS).map(([name, { size }]) => [name as RecordName, exactly(size)] as const),
).set('VMA', exactly(VMA.size, SHORT_VMA_SIZE));

/** How long a record may be wherever it stands. */
export const usualLengths = (name: RecordTypeName): Lengths => USUAL_LENGTHS.get(name) ?? PLAIN_BYTES;

/** The record as bytes, header included. They may share their buffer with other records. */
export function encodeRecord<Name extends RecordName>(name: Name, values: RecordValues<Name>): Uint8Array {
  const { body, size } = RECORDS[name] as RecordDefinition<RecordValues<Name>>;
  const { bytes, view, offset } = allocate(size);
  putHeader(view, offset, name, size);
  body.write(view, offset + RECORD_HEADER_SIZE, values);
  return bytes;
}

/** A record of plain bytes: header, then `payload` as it is. */
export function encodePayload(name: RecordTypeName, payload: Uint8Array): Uint8Array {
  const { bytes, view, offset } = allocate(RECORD_HEADER_SIZE + payload.length);
  putHeader(view, offset, name, bytes.length);
  bytes.set(payload, RECORD_HEADER_SIZE);
  return bytes;
}

/** Writes `type` and `len` at `offset`. @param length bytes of the whole record */
export function putHeader(view: DataView, offset: number, name: RecordTypeName, length: number): void {
  if (length > 0xffff_ffff)
    throw new CkptError(
      'EOVERFLOW',
      `a ${name} record of ${length} bytes is longer than its length field can say`,
    );
  view.setUint32(offset, RECORD_TYPE[name], true);
  view.setUint32(offset + 4, length, true);
}
