/** Bytes that small records share. */
const SLAB_SIZE = 64 * 1024;

/** Zeroed bytes, and where they lie in a view that they may share with others. */
export interface Room {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Of `bytes[0]` in `view`. */
  readonly offset: number;
}

/**
 * Room for records. Memory of its own for each record would cost several times as much as to encode it, and an image of
 * ten thousand tasks has hundreds of thousands; so small ones get slices of one slab. A slab is never used twice.
 */
class SlabAllocator {
  #view = new DataView(new ArrayBuffer(SLAB_SIZE));
  #used = 0;

  allocate(size: number): Room {
    if (size > SLAB_SIZE / 8) {
      const bytes = new Uint8Array(size);
      return { bytes, view: new DataView(bytes.buffer), offset: 0 };
    }
    if (this.#used + size > SLAB_SIZE) {
      this.#view = new DataView(new ArrayBuffer(SLAB_SIZE));
      this.#used = 0;
    }
    const offset = this.#used;
    this.#used += size;
    return { bytes: new Uint8Array(this.#view.buffer, offset, size), view: this.#view, offset };
  }
}

const slabs = new SlabAllocator();

/** @param size bytes */
export const allocate = (size: number): Room => slabs.allocate(size);
