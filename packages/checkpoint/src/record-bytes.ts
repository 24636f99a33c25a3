import { CkptError } from '@ckptree/errors';
import type { RecordTarget } from '@ckptree/image';

/** Bytes of records that are put together before they are copied to where all are. */
const GATHERED = 64 * 1024;
/** Bytes that there may be at most: addresses are set aside for so many, and memory for those that are used. */
const MAX_CAPACITY = 2 ** 32;

/** The records of an image, one behind the other, as they come. */
export class RecordBytes implements RecordTarget {
  /** The last of them: to put a small record by itself into memory that is shared, and grows, costs more than to make it. */
  bytes = new Uint8Array(GATHERED);
  view = new DataView(this.bytes.buffer);
  #used = 0;
  /** Those before. Grows where it is: records of many tasks are hundreds of MiB, and to move them is to touch as much memory anew. */
  readonly #buffer = new SharedArrayBuffer(GATHERED, { maxByteLength: MAX_CAPACITY });
  /** All of the buffer, also when it has grown. */
  readonly #moved = new Uint8Array(this.#buffer);
  #movedSize = 0;

  get size(): number {
    return this.#movedSize + this.#used;
  }

  /** @throws E2BIG there are too many */
  room(size: number): number {
    if (this.#used + size > this.bytes.length) this.#begin(Math.max(GATHERED, size));
    const at = this.#used;
    this.#used += size;
    return at;
  }

  /** All of them, in shared memory. @throws E2BIG as room() */
  finish(): Uint8Array {
    this.#move();
    return new Uint8Array(this.#buffer, 0, this.#movedSize);
  }

  /** Makes room for so many bytes to be gathered. */
  #begin(size: number): void {
    this.#move();
    if (this.bytes.length === size) this.bytes.fill(0);
    else {
      this.bytes = new Uint8Array(size);
      this.view = new DataView(this.bytes.buffer);
    }
  }

  #move(): void {
    this.#reserve(this.size);
    this.#moved.set(this.bytes.subarray(0, this.#used), this.#movedSize);
    this.#movedSize += this.#used;
    this.#used = 0;
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
