import {
  arenaHolding,
  LEAF_ENTRIES,
  type MemorySnapshot,
  offsetInArena,
  PAGE_SIZE,
  PTE_FRAME_SHIFT,
} from '@ckptree/model';
import type { PageArray } from './page-array.js';
import { considerPrivatePage, firstLeafFrom, LEAF_SPAN, leafNumber, wordsOf } from './snapshot-leaves.js';

const NO_WORDS: Int32Array = new Int32Array(0);

/**
 * Goes once through the leaf entries of an address range, upwards, in as many steps as its user likes, and finds the
 * pages that belong into the image. Ranges without a leaf cost nothing. Allocates nothing on its way.
 */
export class PageScan {
  readonly #memory: MemorySnapshot;
  readonly #end: number;
  /** Pair in `memory.leaves` that is looked at. */
  #leaf: number;
  /** The arena of that leaf, as words; entries `#next` up to `#stop` of it are still to be looked at. */
  #words = NO_WORDS;
  #next = 0;
  #stop = 0;
  /** Address that entry `#next` maps. */
  #address: number;

  /** @param start,end page-aligned addresses, `end` exclusive */
  constructor(memory: MemorySnapshot, start: number, end: number) {
    this.#memory = memory;
    this.#address = start;
    this.#end = end;
    this.#leaf = firstLeafFrom(memory.leaves, leafNumber(start));
  }

  /** The first address that was not looked at. */
  get address(): number {
    return this.#address;
  }

  /** Goes on until it has met `limit` pages, or to the end. @returns how many it met */
  skip(limit: number): number {
    let met = 0;
    while (met < limit && this.#enterLeaf()) {
      const words = this.#words;
      const from = this.#next;
      let next = from;
      while (next < this.#stop && met < limit) if (considerPrivatePage(words[next++]!)) met++;
      this.#moveTo(next);
    }
    return met;
  }

  /** Goes on until the page array is full, or to the end. @returns how many pages were added to it */
  fill(pages: PageArray): number {
    const before = pages.used;
    while (!pages.isFull && this.#enterLeaf()) {
      const words = this.#words;
      const base = this.#address - this.#next * PAGE_SIZE;
      let next = this.#next;
      while (next < this.#stop && !pages.isFull) {
        const entry = words[next]!;
        if (considerPrivatePage(entry)) pages.add(base + next * PAGE_SIZE, entry >>> PTE_FRAME_SHIFT);
        next++;
      }
      this.#moveTo(next);
    }
    return pages.used - before;
  }

  #moveTo(next: number): void {
    this.#address += (next - this.#next) * PAGE_SIZE;
    this.#next = next;
  }

  /** Makes sure that there are entries to look at. @returns false at the end of the range */
  #enterLeaf(): boolean {
    if (this.#next < this.#stop) return true;
    const { leaves } = this.#memory;
    const number = leafNumber(this.#address);
    while (this.#leaf < leaves.length && leaves[this.#leaf]! < number) this.#leaf += 2;
    if (this.#leaf >= leaves.length || leaves[this.#leaf]! * LEAF_SPAN >= this.#end) {
      this.#address = Math.max(this.#address, this.#end);
      return false;
    }
    const leafStart = leaves[this.#leaf]! * LEAF_SPAN;
    this.#address = Math.max(this.#address, leafStart);
    if (this.#address >= this.#end) return false;
    const frame = leaves[this.#leaf + 1]!;
    this.#words = wordsOf(arenaHolding(this.#memory.arenas, frame));
    const firstEntry = offsetInArena(frame) >>> 2;
    const behind = Math.min(LEAF_ENTRIES, (this.#end - leafStart) / PAGE_SIZE);
    this.#next = firstEntry + (this.#address - leafStart) / PAGE_SIZE;
    this.#stop = firstEntry + behind;
    return true;
  }
}
