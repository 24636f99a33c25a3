import { CkptError } from '@ckptree/errors';
import { RECORD_HEADER_SIZE, RECORD_TYPE, type RecordTypeName } from './constants.js';
import type { RecordTarget } from './encode/target.js';
import { atLeast, exactly, type Lengths } from './lengths.js';
import { CPU } from './records/cpu.js';
import type { RecordDefinition } from './records/definition.js';
import { FILE, FILE_DESC, FILE_TABLE } from './records/file.js';
import { CONTAINER, ERROR, HEADER, HEADER_ARCH, TAIL } from './records/head.js';
import { MM, MM_CONTEXT, PGARR, SHORT_VMA_SIZE, VMA } from './records/mm.js';
import { OBJREF } from './records/objref.js';
import { RESTART_BLOCK, TASK, TASK_OBJS, THREAD, TREE } from './records/task.js';
import { encodeText } from './text.js';

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

/** A record of fixed size. @throws EOVERFLOW a value does not fit its field */
export function putRecord<Name extends RecordName>(
  target: RecordTarget,
  name: Name,
  values: RecordValues<Name>,
): void {
  const { body, size } = RECORDS[name] as RecordDefinition<RecordValues<Name>>;
  const at = target.room(size);
  putHeader(target.view, at, name, size);
  body.write(target.view, at + RECORD_HEADER_SIZE, values);
}

/** A record of plain bytes: header, then `payload` as it is. @throws EOVERFLOW it is longer than a record can say */
export function putPayload(target: RecordTarget, name: RecordTypeName, payload: Uint8Array): void {
  const size = RECORD_HEADER_SIZE + payload.length;
  const at = target.room(size);
  putHeader(target.view, at, name, size);
  target.bytes.set(payload, at + RECORD_HEADER_SIZE);
}

/** Text and its NUL, filled up with zeros to `size` bytes when that is given. @throws EINVAL, EOVERFLOW as encodeText() */
export const putText = (target: RecordTarget, name: RecordTypeName, text: string, size?: number): void =>
  putPayload(target, name, encodeText(text, size));

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
