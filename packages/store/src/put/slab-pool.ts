import { PAGE_SIZE } from '@ckptree/model';
import type { SpareSlabs } from './spare-slabs.js';

/** Bytes of pages that are worked on at once. With half as many, a checkpoint takes a fifth more CPU for messages to threads. */
export const SLAB_SIZE = 8 * 1024 * 1024;
export const SLAB_PAGES = SLAB_SIZE / PAGE_SIZE;

/** So many buffers that one piece of work may have at once; it waits for more until it has given one back. */
export class SlabPool {
  readonly #size: number;
  readonly #spares: SpareSlabs;
  readonly #waiting: ((slab: Uint8Array) => void)[] = [];
  #left: number;

  /** @param size of each, in bytes. @param count of them, at most. @param spares where they come from, and go to */
  constructor(size: number, count: number, spares: SpareSlabs) {
    this.#size = size;
    this.#left = count;
    this.#spares = spares;
  }

  /** A buffer in shared memory, which may hold anything; waits until one is free. */
  take(): Promise<Uint8Array> {
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#left--;
    return Promise.resolve(this.#spares.take(this.#size));
  }

  give(slab: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next(slab);
    this.#left++;
    this.#spares.give(slab);
  }
}
