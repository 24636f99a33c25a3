interface Spare {
  readonly slab: Uint8Array;
  /** By performance.now(). */
  readonly since: number;
}

/** Longer than the usual time between two checkpoints of a schedule. */
const KEPT_MS = 60_000;

/**
 * Buffers in shared memory that nobody uses just now, for whoever works next with this store: the first touch of fresh memory
 * costs many times what filling it again does. What nobody took for a minute is given up.
 */
export class SpareSlabs {
  /** By size; what was used last is at the end, and is taken first. */
  readonly #spares = new Map<number, Spare[]>();
  #timer: NodeJS.Timeout | undefined;

  /** @param size in bytes. @returns a buffer that may hold anything */
  take(size: number): Uint8Array {
    return this.#spares.get(size)?.pop()?.slab ?? new Uint8Array(new SharedArrayBuffer(size));
  }

  give(slab: Uint8Array): void {
    const spare = { slab, since: performance.now() };
    const alike = this.#spares.get(slab.length);
    if (alike === undefined) this.#spares.set(slab.length, [spare]);
    else alike.push(spare);
    this.#timer ??= setTimeout(() => this.#giveUp(), KEPT_MS).unref();
  }

  /** Keeps none. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#spares.clear();
  }

  #giveUp(): void {
    this.#timer = undefined;
    const oldest = performance.now() - KEPT_MS;
    for (const [size, spares] of this.#spares) {
      const kept = spares.filter(({ since }) => since > oldest);
      if (kept.length > 0) this.#spares.set(size, kept);
      else this.#spares.delete(size);
    }
    if (this.#spares.size > 0) this.#timer = setTimeout(() => this.#giveUp(), KEPT_MS).unref();
  }
}
