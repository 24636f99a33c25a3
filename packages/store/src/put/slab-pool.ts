/** Bytes of pages that are read at once. */
export const SLAB_SIZE = 4 * 1024 * 1024;

/** Buffers that are used again and again: touching fresh memory costs more than filling it. */
export class SlabPool {
  readonly #size: number;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((slab: Uint8Array) => void)[] = [];
  #left: number;

  /** @param size of each, in bytes. @param count of them, at most */
  constructor(size: number, count: number) {
    this.#size = size;
    this.#left = count;
  }

  /** A buffer in shared memory; waits until one is free. */
  take(): Promise<Uint8Array> {
    const slab = this.#free.pop() ?? this.#make();
    return slab === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(slab);
  }

  give(slab: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slab);
    else next(slab);
  }

  #make(): Uint8Array | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    return new Uint8Array(new SharedArrayBuffer(this.#size));
  }
}
