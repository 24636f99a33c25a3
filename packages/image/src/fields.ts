import { CkptError } from '@ckptree/errors';

/**
 * The language of field tables. A layout lists fields in the order of their bytes, without gaps; size, offsets,
 * the type of the values, encode and decode all derive from it:
 *
 *     const tree = struct({ nr_tasks: s32, padding: padding(4) });
 *     tree.size                  // 8
 *     tree.read(view, 0)         // { nr_tasks: 3 }
 *
 * All numbers are little-endian. A struct is itself a field, so layouts nest.
 */
export interface Field<Value> {
  /** Bytes. */
  readonly size: number;
  read(view: DataView, offset: number): Value;
  /** @throws EOVERFLOW the value does not fit the field */
  write(view: DataView, offset: number, value: Value): void;
}

/** Bytes that carry nothing and are zero. */
export interface Padding {
  readonly size: number;
  readonly padding: true;
}

type Layout = Readonly<Record<string, Field<unknown> | Padding>>;

/** What a layout decodes to: its fields by name, padding left out. */
export type ValuesOf<L> = {
  readonly [Name in keyof L as L[Name] extends Padding ? never : Name]: L[Name] extends Field<infer Value>
    ? Value
    : never;
};

export interface Struct<Values> extends Field<Values> {
  /** Offset of each field, by name. */
  readonly offsets: Readonly<Record<keyof Values, number>>;
  /** Offset of the first byte of padding that is not zero, counted like `offset`; -1 when all are. */
  strayPadding(view: DataView, offset: number): number;
}

export const u16: Field<number> = integer(
  2,
  (value) => (value & 0xffff) === value,
  (view, offset) => view.getUint16(offset, true),
  (view, offset, value) => view.setUint16(offset, value, true),
);

export const u32: Field<number> = integer(
  4,
  (value) => value >>> 0 === value,
  (view, offset) => view.getUint32(offset, true),
  (view, offset, value) => view.setUint32(offset, value, true),
);

export const s32: Field<number> = integer(
  4,
  (value) => (value | 0) === value,
  (view, offset) => view.getInt32(offset, true),
  (view, offset, value) => view.setInt32(offset, value, true),
);

const U64_MAX = 2n ** 64n - 1n;

export const u64: Field<bigint> = integer(
  8,
  (value) => value >= 0n && value <= U64_MAX,
  (view, offset) => view.getBigUint64(offset, true),
  (view, offset, value) => view.setBigUint64(offset, value, true),
);

export const padding = (size: number): Padding => ({ size, padding: true });

/** @param fits whether the field can hold a value: a DataView would wrap it */
function integer<Value extends number | bigint>(
  size: number,
  fits: (value: Value) => boolean,
  read: (view: DataView, offset: number) => Value,
  put: (view: DataView, offset: number, value: Value) => void,
): Field<Value> {
  return {
    size,
    read,
    write(view, offset, value) {
      if (!fits(value))
        throw new CkptError('EOVERFLOW', `the value ${value} does not fit a field of ${size} bytes`);
      put(view, offset, value);
    },
  };
}

const isPadding = (field: Field<unknown> | Padding): field is Padding => 'padding' in field;
const isStruct = (field: Field<unknown>): field is Struct<unknown> => 'strayPadding' in field;

export function struct<L extends Layout>(layout: L): Struct<ValuesOf<L>> {
  let size = 0;
  const members: { name: string; field: Field<unknown>; at: number }[] = [];
  const paddings: { at: number; size: number }[] = [];
  for (const [name, field] of Object.entries(layout)) {
    if (isPadding(field)) paddings.push({ at: size, size: field.size });
    else members.push({ name, field, at: size });
    size += field.size;
  }
  const nested = members.filter(({ field }) => isStruct(field));

  return {
    size,
    offsets: Object.fromEntries(members.map(({ name, at }) => [name, at])) as Record<
      keyof ValuesOf<L>,
      number
    >,
    read(view, offset) {
      const values: Record<string, unknown> = {};
      for (const { name, field, at } of members) values[name] = field.read(view, offset + at);
      return values as ValuesOf<L>;
    },
    write(view, offset, values) {
      const byName = values as Readonly<Record<string, unknown>>;
      for (const { name, field, at } of members) field.write(view, offset + at, byName[name]);
    },
    strayPadding(view, offset) {
      for (const { at, size } of paddings)
        for (let byte = offset + at; byte < offset + at + size; byte++)
          if (view.getUint8(byte) !== 0) return byte;
      for (const { field, at } of nested) {
        const stray = (field as Struct<unknown>).strayPadding(view, offset + at);
        if (stray !== -1) return stray;
      }
      return -1;
    },
  };
}
