import {
  arenaHolding,
  LEAF_ENTRIES,
  LEAF_SHIFT,
  type MemorySnapshot,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_PRESENT,
} from '@ckptree/model';

const PRIVATE_PAGE = PTE_PRESENT | PTE_DIRTY;
/** Bytes that a leaf maps. */
export const LEAF_SPAN = 2 ** LEAF_SHIFT;

/**
 * Whether a leaf entry's page belongs into the image: the owner wrote it, so that nothing behind the vma could give it
 * back. A page that is not there, or only was read, is neither faulted in nor saved.
 */
export const considerPrivatePage = (entry: number): boolean => (entry & PRIVATE_PAGE) === PRIVATE_PAGE;

export const leafNumber = (address: number): number => Math.floor(address / LEAF_SPAN);

/** Position of the first pair whose leaf number is not below `number`. */
export function firstLeafFrom(leaves: Int32Array, number: number): number {
  let [low, high] = [0, leaves.length / 2];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (leaves[2 * middle]! < number) low = middle + 1;
    else high = middle;
  }
  return 2 * low;
}

/** One view for each arena: there may be millions of leaves in it. */
const views = new WeakMap<SharedArrayBuffer, Int32Array>();

export function wordsOf(arena: SharedArrayBuffer): Int32Array {
  let words = views.get(arena);
  if (words === undefined) {
    words = new Int32Array(arena);
    views.set(arena, words);
  }
  return words;
}

/** A part of a leaf. */
export interface LeafPart {
  /** The arena that the leaf is in, and index of the leaf's first word there. */
  readonly words: Int32Array;
  readonly leaf: number;
  /** Entries `from` up to `to`. */
  readonly from: number;
  readonly to: number;
  /** Address that entry 0 maps. */
  readonly address: number;
}

/** The leaves of an address range, upwards. */
export function* leafParts(memory: MemorySnapshot, start: number, end: number): Generator<LeafPart> {
  const { leaves } = memory;
  for (let slot = firstLeafFrom(leaves, leafNumber(start)); slot < leaves.length; slot += 2) {
    const address = leaves[slot]! * LEAF_SPAN;
    if (address >= end) return;
    const frame = leaves[slot + 1]!;
    yield {
      words: wordsOf(arenaHolding(memory.arenas, frame)),
      leaf: offsetInArena(frame) >>> 2,
      from: Math.max(0, (start - address) / PAGE_SIZE),
      to: Math.min(LEAF_ENTRIES, (end - address) / PAGE_SIZE),
      address,
    };
  }
}
