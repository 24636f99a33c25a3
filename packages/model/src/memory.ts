/**
 * Memory as threads share it. A source of tasks keeps page contents in **arenas** of shared memory, cut into
 * frames of one page; a **leaf** is itself one frame and maps 512 pages (2 MiB) of an address space to frames. A
 * snapshot is a list of leaves, so taking one costs as much as there are page tables, not pages, and any thread
 * that is handed the arenas and the leaves can read it in place.
 */

export const PAGE_SHIFT = 12;
/** Bytes in a page and in a frame. */
export const PAGE_SIZE = 1 << PAGE_SHIFT;

const ARENA_FRAMES_SHIFT = 18;
/** Frames in a full arena: 1 GiB, so that every byte offset within an arena is a small integer. */
export const ARENA_FRAMES = 1 << ARENA_FRAMES_SHIFT;

/** Pages that one leaf maps. */
export const LEAF_ENTRIES = 512;
/** `address / 2 ** LEAF_SHIFT`, rounded down, is the number of the leaf that maps it. */
export const LEAF_SHIFT = 21;

/** Leaf entry: the page has a frame. */
export const PTE_PRESENT = 1 << 0;
/** Leaf entry: the page was written by its owner, so that it differs from what is behind its vma. */
export const PTE_DIRTY = 1 << 1;
/** Leaf entries are unsigned 32 bit: the frame number above this many flag bits. */
export const PTE_FRAME_SHIFT = 6;

/**
 * Versions of the contents of one address space. A version is an incarnation, drawn at random when the address space
 * comes to be, and an epoch, which grows from cut to cut when something was written in between: the same version is
 * always the same content.
 */
export interface MemoryVersions {
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Epochs. */
  readonly first: number;
  readonly last: number;
}

/** The memory of one address space at one instant. Plain data; structured clone shares it, never copies it. */
export interface MemorySnapshot {
  /** Arena `n` holds frames `n * ARENA_FRAMES` and up; the last one may be shorter. */
  readonly arenas: readonly SharedArrayBuffer[];
  /** Pairs (leaf number, frame of the leaf), ascending by leaf number. */
  readonly leaves: Int32Array;
  /**
   * The versions that this memory came about from. Of each of them holds: a page whose stamp (`pageStamp`) is not
   * behind the epoch is as it was in that version; a leaf whose stamp (`leafStamp`) is not maps the same pages as it
   * did. First come those of the address space itself, of which the last is this very snapshot's; then those that it
   * was forked or restarted from. Absent when the source does not keep track. Of memory that is about to be taken over by a
   * kernel: the version that it was when it was saved.
   */
  readonly history?: readonly MemoryVersions[];
}

/** Which arena a frame is in. */
export const arenaOf = (frame: number): number => frame >>> ARENA_FRAMES_SHIFT;
/** Byte offset of a frame within its arena. */
export const offsetInArena = (frame: number): number => (frame & (ARENA_FRAMES - 1)) << PAGE_SHIFT;
