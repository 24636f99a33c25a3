const LEAF_SHIFT = 12;
const LEAF_SIZE = 1 << LEAF_SHIFT;

/** The slots of frames that were met: a frame that several tasks share is looked at once. */
export class FrameTable {
  /** By the upper bits of frame numbers: slots plus 1, and 0 for a frame that was not met. */
  readonly #leaves = new Map<number, Uint32Array>();

  /** The slot of a frame; undefined when it was not met. */
  get(frame: number): number | undefined {
    const slot = this.#leaves.get(frame >>> LEAF_SHIFT)?.[frame % LEAF_SIZE] ?? 0;
    return slot === 0 ? undefined : slot - 1;
  }

  set(frame: number, slot: number): void {
    let leaf = this.#leaves.get(frame >>> LEAF_SHIFT);
    if (leaf === undefined) {
      leaf = new Uint32Array(LEAF_SIZE);
      this.#leaves.set(frame >>> LEAF_SHIFT, leaf);
    }
    leaf[frame % LEAF_SIZE] = slot + 1;
  }
}
