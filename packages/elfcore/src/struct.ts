interface Accessors {
  get(view: DataView, offset: number): number | bigint;
  set(view: DataView, offset: number, value: number | bigint): void;
}

/** How a field of a C structure is stored, always little-endian. */
const KINDS = {
  u8: {
    get: (view, offset) => view.getUint8(offset),
    set: (view, offset, value) => view.setUint8(offset, Number(value)),
  },
  u16: {
    get: (view, offset) => view.getUint16(offset, true),
    set: (view, offset, value) => view.setUint16(offset, Number(value), true),
  },
  u32: {
    get: (view, offset) => view.getUint32(offset, true),
    set: (view, offset, value) => view.setUint32(offset, Number(value), true),
  },
  i32: {
    get: (view, offset) => view.getInt32(offset, true),
    set: (view, offset, value) => view.setInt32(offset, Number(value), true),
  },
  u64: {
    get: (view, offset) => view.getBigUint64(offset, true),
    set: (view, offset, value) => view.setBigUint64(offset, BigInt(value), true),
  },
} as const satisfies Record<string, Accessors>;

type Field = readonly [offset: number, kind: keyof typeof KINDS];
type Fields = Readonly<Record<string, Field>>;

type Values<F extends Fields> = { [Name in keyof F]: F[Name][1] extends 'u64' ? bigint : number };

/** A C structure as a table of its fields, from which both directions derive. */
export interface Struct<F extends Fields> {
  /** Bytes, padding included. */
  readonly size: number;
  /** @param offset where in `bytes` it begins; the caller has made sure that `size` bytes follow */
  decode(bytes: Uint8Array, offset?: number): Values<F>;
  /** @returns `size` bytes; fields that are not given, and padding, are zero */
  encode(values: Partial<Values<F>>): Uint8Array;
}

export function struct<const F extends Fields>(size: number, fields: F): Struct<F> {
  const entries = Object.entries(fields);
  return {
    size,
    decode(bytes, offset = 0) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + offset, size);
      const values: Record<string, number | bigint> = {};
      for (const [name, [at, kind]] of entries) values[name] = KINDS[kind].get(view, at);
      return values as Values<F>;
    },
    encode(values) {
      const view = new DataView(new ArrayBuffer(size));
      for (const [name, [at, kind]] of entries) KINDS[kind].set(view, at, values[name] ?? 0);
      return new Uint8Array(view.buffer);
    },
  };
}
