import {
  ARENA_FRAMES,
  arenaOf,
  LEAF_ENTRIES,
  LEAF_SHIFT,
  type MemorySnapshot,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
} from '@ckptree/model';

/** Frames for hand-made address spaces: what a kernel's memory manager does, without its rules. */
export class PhysicalMemory {
  readonly arenas: SharedArrayBuffer[] = [];
  #nextFrame: number;

  /** @param frames how many there are @param firstFrame frames below it are never handed out */
  constructor(frames: number, firstFrame = 0) {
    for (let left = frames + firstFrame; left > 0; left -= ARENA_FRAMES)
      this.arenas.push(new SharedArrayBuffer(Math.min(left, ARENA_FRAMES) * PAGE_SIZE));
    this.#nextFrame = firstFrame;
  }

  allocate(): number {
    return this.#nextFrame++;
  }

  bytes(frame: number): Uint8Array {
    return new Uint8Array(this.arenas[arenaOf(frame)]!, offsetInArena(frame), PAGE_SIZE);
  }
}

export interface PageOptions {
  /** First bytes of the page; the rest is zero. */
  readonly content?: Uint8Array;
  readonly dirty?: boolean;
  readonly present?: boolean;
  /** Use this frame, perhaps somebody else's too. */
  readonly frame?: number;
}

/** A hand-made page table. */
export class AddressSpace {
  readonly #physical: PhysicalMemory;
  /** Leaf number to frame of the leaf. */
  readonly #leaves = new Map<number, number>();

  constructor(physical: PhysicalMemory) {
    this.#physical = physical;
  }

  /** @returns the page's frame */
  setPage(address: number, { content, dirty = true, present = true, frame }: PageOptions = {}): number {
    const target = frame ?? this.#physical.allocate();
    if (content !== undefined) this.#physical.bytes(target).set(content);
    const flags = (present ? PTE_PRESENT : 0) | (dirty ? PTE_DIRTY : 0);
    this.#leaf(address)[(address % 2 ** LEAF_SHIFT) / PAGE_SIZE] = (target << PTE_FRAME_SHIFT) | flags;
    return target;
  }

  snapshot(): MemorySnapshot {
    const pairs = [...this.#leaves].sort(([a], [b]) => a - b);
    return { arenas: this.#physical.arenas, leaves: Int32Array.from(pairs.flat()) };
  }

  #leaf(address: number): Int32Array {
    const number = Math.floor(address / 2 ** LEAF_SHIFT);
    const frame = this.#leaves.get(number) ?? this.#physical.allocate();
    this.#leaves.set(number, frame);
    return new Int32Array(this.#physical.arenas[arenaOf(frame)]!, offsetInArena(frame), LEAF_ENTRIES);
  }
}
