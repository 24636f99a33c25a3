/** Where records are put, one behind the other. */
export interface RecordTarget {
  /** The memory that `room` is in, until it is called again: as numbers, and as bytes. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  /**
   * Makes room behind what is there.
   * @param size bytes; they are zero
   * @returns where they start, in `view` and in `bytes`
   */
  room(size: number): number;
}

/** The bytes of what one of the `put` functions puts. */
export function encode<Args extends readonly unknown[]>(
  put: (target: RecordTarget, ...args: Args) => void,
  ...args: Args
): Uint8Array {
  const target = new GrowingTarget();
  put(target, ...args);
  return target.all;
}

class GrowingTarget implements RecordTarget {
  bytes = new Uint8Array(256);
  view = new DataView(this.bytes.buffer);
  #used = 0;

  get all(): Uint8Array {
    return this.bytes.subarray(0, this.#used);
  }

  room(size: number): number {
    const at = this.#used;
    this.#used += size;
    if (this.#used > this.bytes.length) this.#grow();
    return at;
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#used);
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
