import { CkptError } from '@ckptree/errors';

/** Bytes of small records that are put together before they are copied to where all are. */
const GATHERED = 64 * 1024;
/** Bytes that there may be at most: addresses are set aside for so many, and memory for those that are used. */
const MAX_CAPACITY = 2 ** 32;

/** The records of an image, one behind the other, as they come. */
export class RecordBytes {
  /** Grows where it is: records of many tasks are hundreds of MiB, and to move them is to touch as much memory anew. */
  readonly #buffer = new SharedArrayBuffer(GATHERED, { maxByteLength: MAX_CAPACITY });
  /** All of the buffer, also when it has grown. */
  readonly #bytes = new Uint8Array(this.#buffer);
  /** The last of them: to copy a small record by itself into memory that is shared, and grows, costs more than to make it. */
  readonly #gathered = new Uint8Array(GATHERED);
  #gatheredSize = 0;
  /** Bytes before those that are gathered. */
  #moved = 0;

  get size(): number {
    return this.#moved + this.#gatheredSize;
  }

  /** @throws E2BIG there are too many */
  append(bytes: Uint8Array): void {
    if (this.#gatheredSize + bytes.length > GATHERED) this.#moveGathered();
    if (bytes.length > GATHERED) return this.#move(bytes);
    this.#gathered.set(bytes, this.#gatheredSize);
    this.#gatheredSize += bytes.length;
  }

  /** All of them, in shared memory. @throws E2BIG as append() */
  finish(): Uint8Array {
    this.#moveGathered();
    return new Uint8Array(this.#buffer, 0, this.#moved);
  }

  #moveGathered(): void {
    this.#move(this.#gathered.subarray(0, this.#gatheredSize));
    this.#gatheredSize = 0;
  }

  #move(bytes: Uint8Array): void {
    this.#reserve(this.#moved + bytes.length);
    this.#bytes.set(bytes, this.#moved);
    this.#moved += bytes.length;
  }

  #reserve(needed: number): void {
    const capacity = this.#buffer.byteLength;
    if (needed <= capacity) return;
    if (needed > MAX_CAPACITY)
      throw new CkptError(
        'E2BIG',
        `the tree has more than ${MAX_CAPACITY} bytes of records beside its pages`,
      );
    this.#buffer.grow(Math.min(MAX_CAPACITY, Math.max(needed, 2 * capacity)));
  }
}
