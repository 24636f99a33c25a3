import type { ChunkId } from '../content-hash.js';

/** In place of a chunk: nobody knows yet. */
export const UNDECIDED = -1;
/** In place of a chunk: none, for the page is of zeros. */
export const ZEROS = -2;

const FIRST_CAPACITY = 4096;

/**
 * Where the pages of an image are, or will be: a slot for each, by number. Pages of the same frame have the same slot, so
 * that deciding one decides all. There may be millions, so they are columns.
 */
export class PageSlots {
  readonly chunks = new ChunkNumbers();
  #chunkOf = new Int32Array(FIRST_CAPACITY).fill(UNDECIDED);
  #pageOf = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  /** @returns a new one, undecided */
  add(): number {
    if (this.#length === this.#chunkOf.length) this.#grow();
    return this.#length++;
  }

  /** @param chunk its number, or ZEROS. @param page number within the chunk */
  place(slot: number, chunk: number, page: number): void {
    this.#chunkOf[slot] = chunk;
    this.#pageOf[slot] = page;
  }

  /** Number of the chunk; ZEROS, UNDECIDED. */
  chunk(slot: number): number {
    return this.#chunkOf[slot]!;
  }

  /** Number of the page within the chunk. */
  page(slot: number): number {
    return this.#pageOf[slot]!;
  }

  #grow(): void {
    const chunkOf = new Int32Array(2 * this.#length).fill(UNDECIDED, this.#length);
    chunkOf.set(this.#chunkOf);
    const pageOf = new Uint32Array(2 * this.#length);
    pageOf.set(this.#pageOf);
    this.#chunkOf = chunkOf;
    this.#pageOf = pageOf;
  }
}

/** Chunks by number, from 0: also those that are still put together, whose ids nobody knows. */
class ChunkNumbers {
  readonly #ids: (ChunkId | undefined)[] = [];
  readonly #numbers = new Map<ChunkId, number>();

  get length(): number {
    return this.#ids.length;
  }

  of(id: ChunkId): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.#ids.push(id) - 1;
      this.#numbers.set(id, number);
    }
    return number;
  }

  /** A number for a chunk that is to be named later. */
  open(): number {
    return this.#ids.push(undefined) - 1;
  }

  /** Another number may have the same id. */
  name(number: number, id: ChunkId): void {
    this.#ids[number] = id;
  }

  /** @param number also UNDECIDED or ZEROS, which have none */
  id(number: number): ChunkId | undefined {
    return number < 0 ? undefined : this.#ids[number];
  }
}
