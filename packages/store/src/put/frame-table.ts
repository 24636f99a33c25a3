import type { PageSlot } from './window.js';

/** The slots of frames that were met: a frame that several tasks share is looked at once. */
export class FrameTable {
  readonly #slots = new Map<number, PageSlot>();

  /** @param frame its number; undefined when frames are not known. @returns whether it was met before */
  slot(frame: number | undefined): { readonly slot: PageSlot; readonly known: boolean } {
    const met = frame === undefined ? undefined : this.#slots.get(frame);
    if (met !== undefined) return { slot: met, known: true };
    const slot: PageSlot = { chunk: undefined, page: 0 };
    if (frame !== undefined) this.#slots.set(frame, slot);
    return { slot, known: false };
  }
}
