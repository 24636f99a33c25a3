import type { PhysicalMemory } from '@ckptree/kernel/memory';
import {
  arenaOf,
  LEAF_ENTRIES,
  type Mm,
  offsetInArena,
  PAGE_SIZE,
  PTE_FRAME_SHIFT,
  type StoredPages,
} from '@ckptree/model';
import { ZERO_ENTRY } from './leaf-builder.js';

/**
 * Lets pages that turned out to be zeros be the zero frame, and gives their own frames back. Only before anybody else has
 * the leaves.
 * @param pieces of the page space, in which each number stands in one place
 * @param zeros  by page number
 */
export function mapZeroPages(
  memory: PhysicalMemory,
  pieces: ReadonlyMap<Mm<StoredPages>, Float64Array>,
  leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>,
  zeros: Uint8Array,
): void {
  if (!zeros.includes(1)) return;
  for (const [mm, ofMm] of pieces)
    for (let piece = 0; piece < ofMm.length; piece += 3) {
      const [address, first, pages] = [ofMm[piece]!, ofMm[piece + 1]!, ofMm[piece + 2]!];
      for (let page = 0; page < pages; page++)
        if (zeros[first + page] === 1) mapZeroPage(memory, leaves.get(mm)!, address / PAGE_SIZE + page);
    }
}

function mapZeroPage(memory: PhysicalMemory, leaves: Int32Array, page: number): void {
  const leaf = leafOf(leaves, Math.floor(page / LEAF_ENTRIES));
  const words = memory.words[arenaOf(leaf)]!;
  const entry = (offsetInArena(leaf) >>> 2) + (page % LEAF_ENTRIES);
  memory.drop(words[entry]! >>> PTE_FRAME_SHIFT);
  words[entry] = ZERO_ENTRY;
}

function leafOf(leaves: Int32Array, number: number): number {
  let low = 0;
  let high = leaves.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (leaves[middle * 2]! < number) low = middle + 1;
    else high = middle;
  }
  return leaves[low * 2 + 1]!;
}
