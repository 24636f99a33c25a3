import type { FileObject } from '../memory/file-object.js';

/** Values by kind, each in the order in which they are read again. */
export interface Packed {
  readonly numbers: Float64Array;
  readonly longs: BigUint64Array;
  readonly leaves: Int32Array;
  readonly bytes: Uint8Array;
  /** Each once. */
  readonly texts: readonly string[];
}

/** Puts values one behind the other. */
export class Packer {
  readonly longs = new Column<BigUint64Array>((length) => new BigUint64Array(length));
  readonly leaves = new Column<Int32Array>((length) => new Int32Array(length));
  readonly bytes = new Column<Uint8Array>((length) => new Uint8Array(length));
  readonly #numbers = new Column<Float64Array>((length) => new Float64Array(length));
  readonly #texts = new Map<string, number>();
  readonly #files = new Map<number, number>();

  get packed(): Packed {
    return {
      numbers: this.#numbers.all,
      longs: this.longs.all,
      leaves: this.leaves.all,
      bytes: this.bytes.all,
      texts: [...this.#texts.keys()],
    };
  }

  put(...numbers: readonly number[]): void {
    for (const number of numbers) this.#numbers.push(number);
  }

  list<Item>(items: readonly Item[], pack: (item: Item) => void): void {
    this.put(items.length);
    for (const item of items) pack(item);
  }

  /** As a number from 1 up; 0: none. */
  text(text: string | undefined): void {
    this.put(text === undefined ? 0 : numberOf(this.#texts, text) + 1);
  }

  /** As a number from 1 up; 0: none. What is to be known of a file comes where it is first met. */
  file(file: FileObject | undefined): void {
    if (file === undefined) return this.put(0);
    const known = this.#files.size;
    const number = numberOf(this.#files, file.id);
    this.put(number + 1);
    if (number < known) return;
    this.put(file.id, file.mode, file.flags);
    this.text(file.path);
    this.text(file.key);
  }
}

/** Reads what was packed, in the same order. */
export class Unpacker {
  readonly #packed: Packed;
  readonly #files: FileObject[] = [];
  #number = 0;
  #long = 0;
  #leaf = 0;
  #byte = 0;

  constructor(packed: Packed) {
    this.#packed = packed;
  }

  take(): number {
    return this.#packed.numbers[this.#number++]!;
  }

  long(): bigint {
    return this.#packed.longs[this.#long++]!;
  }

  /** A view of what came. */
  longs(count: number): BigUint64Array {
    this.#long += count;
    return this.#packed.longs.subarray(this.#long - count, this.#long);
  }

  /** A view of what came. */
  bytes(count: number): Uint8Array {
    this.#byte += count;
    return this.#packed.bytes.subarray(this.#byte - count, this.#byte);
  }

  /** A copy: these travel on, and a view takes all that it is a view of along. */
  leaves(count: number): Int32Array {
    this.#leaf += count;
    return this.#packed.leaves.slice(this.#leaf - count, this.#leaf);
  }

  list<Item>(unpack: () => Item): Item[] {
    const items: Item[] = [];
    for (let left = this.take(); left > 0; left--) items.push(unpack());
    return items;
  }

  text(): string | undefined {
    const number = this.take();
    return number === 0 ? undefined : this.#packed.texts[number - 1];
  }

  file(): FileObject | undefined {
    const number = this.take();
    if (number === 0) return undefined;
    if (number > this.#files.length) this.#files.push(this.#newFile());
    return this.#files[number - 1];
  }

  #newFile(): FileObject {
    const [id, mode, flags] = [this.take(), this.take(), this.take()];
    const [path, key] = [this.text()!, this.text()];
    return { id, path, mode, flags, ...(key !== undefined && { key }) };
  }
}

/** The number of a key: the next one when it is new. */
function numberOf<Key>(numbers: Map<Key, number>, key: Key): number {
  const known = numbers.get(key);
  if (known !== undefined) return known;
  numbers.set(key, numbers.size);
  return numbers.size - 1;
}

const FIRST_LENGTH = 4096;

type Values = Float64Array | BigUint64Array | Int32Array | Uint8Array;

/** Values of one kind; it grows. */
class Column<Array extends Values> {
  readonly #make: (length: number) => Array;
  #values: Array;
  #used = 0;

  /** @param make zeros */
  constructor(make: (length: number) => Array) {
    this.#make = make;
    this.#values = make(FIRST_LENGTH);
  }

  get all(): Array {
    return this.#values.slice(0, this.#used) as Array;
  }

  push(value: Array[number]): void {
    if (this.#used === this.#values.length) this.#grow(1);
    this.#values[this.#used++] = value;
  }

  append(values: Array): void {
    if (this.#used + values.length > this.#values.length) this.#grow(values.length);
    this.#values.set(values as never, this.#used);
    this.#used += values.length;
  }

  #grow(by: number): void {
    const grown = this.#make(2 * this.#used + by);
    grown.set(this.#values as never);
    this.#values = grown;
  }
}
