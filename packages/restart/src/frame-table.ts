import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { PageSpace } from './page-space.js';

/**
 * The frames of the pages of a space, as stretches of page numbers whose frames are neighbours: those of an image are few.
 */
export class FrameTable {
  /** The first page number, first frame, and number of pages of each stretch, ascending. */
  readonly #firsts: number[] = [];
  readonly #frames: number[] = [];
  readonly #counts: number[] = [];

  /**
   * Takes frames for the pages that are needed.
   * @param references that each of them gets
   * @throws ENOMEM then none is taken
   */
  static take(memory: PhysicalMemory, { firstPage, needed }: PageSpace, references: number): FrameTable {
    const table = new FrameTable();
    const pages = firstPage.at(-1)!;
    const count = needed?.reduce((sum, each) => sum + each, 0) ?? pages;
    const frames = memory.allocateRuns(count, references);
    let page = 0;
    for (let run = 0; run < frames.length; run += 2) {
      const end = frames[run]! + frames[run + 1]!;
      for (let frame = frames[run]!; frame < end; ) {
        if (needed !== undefined) page = needed.indexOf(1, page);
        const left = end - frame;
        const stretch = needed === undefined ? left : Math.min(left, stretchOf(needed, page));
        table.#add(page, frame, stretch);
        page += stretch;
        frame += stretch;
      }
    }
    return table;
  }

  /**
   * Goes through the frames of pages from number `first` up to but without `end`; those that are not needed are left out.
   * @param visit frames that are neighbours, and the number of the first one's page
   */
  each(first: number, end: number, visit: (frame: number, frames: number, page: number) => void): void {
    for (let stretch = this.#holding(first); stretch < this.#firsts.length; stretch++) {
      const start = this.#firsts[stretch]!;
      if (start >= end) return;
      const from = Math.max(start, first);
      const to = Math.min(start + this.#counts[stretch]!, end);
      if (from < to) visit(this.#frames[stretch]! + from - start, to - from, from);
    }
  }

  #add(page: number, frame: number, count: number): void {
    this.#firsts.push(page);
    this.#frames.push(frame);
    this.#counts.push(count);
  }

  /** The last stretch that does not begin behind a page; the first one if all do. */
  #holding(page: number): number {
    let [low, high] = [0, this.#firsts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#firsts[middle]! <= page) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** How many pages from this one on are needed. */
function stretchOf(needed: Uint8Array, page: number): number {
  const end = needed.indexOf(0, page);
  return (end === -1 ? needed.length : end) - page;
}
