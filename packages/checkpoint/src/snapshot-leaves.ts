import { CkptError } from '@ckptree/errors';
import {
  ARENA_FRAMES,
  arenaOf,
  LEAF_ENTRIES,
  LEAF_SHIFT,
  type MemorySnapshot,
  offsetInArena,
  PAGE_SHIFT,
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

/** `count` frames from `frame` up as bytes, in place. They must lie in one arena. */
export function frameBytes(memory: MemorySnapshot, frame: number, count: number): Uint8Array {
  const arena = arenaHolding(memory, frame + count - 1);
  return new Uint8Array(arena, offsetInArena(frame), count << PAGE_SHIFT);
}

/** Copies the contents of frames, `frames[first]` and on, as many as fill the target: neighbours at once. */
export function copyFrames(
  memory: MemorySnapshot,
  frames: Int32Array,
  first: number,
  target: Uint8Array,
): void {
  const end = first + target.length / PAGE_SIZE;
  for (let index = first; index < end; ) {
    const frame = frames[index]!;
    let count = 1;
    while (
      index + count < end &&
      frames[index + count] === frame + count &&
      (frame + count) % ARENA_FRAMES !== 0
    )
      count++;
    target.set(frameBytes(memory, frame, count), (index - first) * PAGE_SIZE);
    index += count;
  }
}

export function arenaHolding({ arenas }: MemorySnapshot, frame: number): SharedArrayBuffer {
  const arena = arenas[arenaOf(frame)];
  if (arena === undefined || offsetInArena(frame) + PAGE_SIZE > arena.byteLength)
    throw new CkptError('EFAULT', `the snapshot refers to frame ${frame}, which is in none of its arenas`);
  return arena;
}

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
      words: wordsOf(arenaHolding(memory, frame)),
      leaf: offsetInArena(frame) >>> 2,
      from: Math.max(0, (start - address) / PAGE_SIZE),
      to: Math.min(LEAF_ENTRIES, (end - address) / PAGE_SIZE),
      address,
    };
  }
}
