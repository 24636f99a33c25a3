import { CkptError } from '@ckptree/errors';

/** The frame of zeros that read faults on anonymous memory map. Nobody writes, counts or frees it. */
export const ZERO_FRAME = 0;

const BLOCK_SHIFT = 8;
/** Frames in a block (1 MiB): the unit in which threads claim memory to allocate from. */
export const BLOCK_FRAMES = 1 << BLOCK_SHIFT;

/** Words in front of the tables. */
const HEADER = {
  /** Blocks below this one were claimed at least once; those above were never touched. */
  TOUCHED_BLOCKS: 0,
  /** Blocks whose frames are all free. */
  FREE_BLOCKS: 1,
} as const;
const HEADER_WORDS = 16;
const TABLES_PER_BLOCK = 3;

/** Figures of the memory, in frames; the zero frame is none of them. */
export interface FrameStats {
  readonly total: number;
  readonly used: number;
  readonly free: number;
}

/**
 * Who uses which frame, in shared memory. A frame has a count of references, 0 when it is free, so the counts are
 * the free map. Per block of frames there are the number of free ones, the thread that allocates from it, and how
 * many of its frames were ever used.
 *
 * Counts are changed by atomics alone, and those are sequentially consistent: whoever sees a count fall to 1 (or
 * 0) by another thread's drop also sees that thread's reads of the frame done, and may write to it.
 */
export class FrameMap {
  readonly frames: number;
  readonly blocks: number;
  readonly #header: Int32Array;
  readonly #refs: Int32Array;
  readonly #blockFree: Int32Array;
  readonly #blockOwner: Int32Array;
  readonly #blockTouched: Int32Array;

  /** @param control from `FrameMap.create`, of as many frames */
  constructor(control: SharedArrayBuffer, frames: number) {
    this.frames = frames;
    this.blocks = frames >>> BLOCK_SHIFT;
    let position = 0;
    const table = (words: number): Int32Array => {
      position += words;
      return new Int32Array(control, (position - words) * Int32Array.BYTES_PER_ELEMENT, words);
    };
    this.#header = table(HEADER_WORDS);
    this.#refs = table(frames);
    this.#blockFree = table(this.blocks);
    this.#blockOwner = table(this.blocks);
    this.#blockTouched = table(this.blocks);
  }

  /** Bytes that the control words of so many frames need. */
  static sizeFor(frames: number): number {
    const words = HEADER_WORDS + frames + TABLES_PER_BLOCK * (frames >>> BLOCK_SHIFT);
    return words * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Makes zeroed control words those of memory in which all is free. Before other threads see them: no atomics. */
  initialise(): void {
    this.#blockFree.fill(BLOCK_FRAMES);
    // The zero frame takes its place in block 0, never to be freed, and counts as shared for ever.
    this.#refs[ZERO_FRAME] = 2;
    this.#blockFree[0] = BLOCK_FRAMES - 1;
    this.#blockTouched[0] = 1;
    this.#header[HEADER.FREE_BLOCKS] = this.blocks - 1;
    this.#header[HEADER.TOUCHED_BLOCKS] = 1;
  }

  /** References to a frame. When it says 1 to the holder of one, it stays so: only a holder can add another. */
  refs(frame: number): number {
    return Atomics.load(this.#refs, frame);
  }

  /** One reference more. The caller holds one, or something that does, so that the frame cannot be freed meanwhile. */
  grab(frame: number): void {
    if (frame === ZERO_FRAME) return;
    if (Atomics.add(this.#refs, frame, 1) < 1) throw freeFrame(frame, 'grabbed');
  }

  /** One reference less; the last one frees the frame. The frame must not be read behind it. */
  drop(frame: number): void {
    if (frame === ZERO_FRAME) return;
    const before = Atomics.sub(this.#refs, frame, 1);
    if (before === 1) this.#countFreed(frame);
    else if (before < 1) throw freeFrame(frame, 'dropped');
  }

  /**
   * One reference less unless it is the last. Then the caller alone holds the frame, and can take apart what is in
   * it before it drops it: behind a plain last drop the next owner may write there already.
   * @returns whether it was dropped
   */
  dropUnlessLast(frame: number): boolean {
    for (let refs = Atomics.load(this.#refs, frame); refs !== 1; ) {
      if (refs < 1) throw freeFrame(frame, 'dropped');
      // Compare-and-exchange, as two droppers that both saw 2 must not both leave.
      const found = Atomics.compareExchange(this.#refs, frame, refs, refs - 1);
      if (found === refs) return true;
      refs = found;
    }
    return false;
  }

  #countFreed(frame: number): void {
    const block = frame >>> BLOCK_SHIFT;
    // Between the drop and this line the block's owner may have taken the frame again and counted it off: the
    // count can be too low for an instant, even below 0, never too high.
    if (Atomics.add(this.#blockFree, block, 1) === BLOCK_FRAMES - 1)
      Atomics.add(this.#header, HEADER.FREE_BLOCKS, 1);
  }

  /**
   * Takes a frame of a block that the calling thread owns, with one reference.
   * @returns whether it was free
   */
  take(frame: number): boolean {
    if (Atomics.load(this.#refs, frame) !== 0) return false;
    // No compare-and-exchange: free frames of a block are taken by its owner alone, so this one stays free till
    // here. Atomic all the same, for the reason given with the class.
    Atomics.store(this.#refs, frame, 1);
    const block = frame >>> BLOCK_SHIFT;
    if (Atomics.sub(this.#blockFree, block, 1) === BLOCK_FRAMES)
      Atomics.sub(this.#header, HEADER.FREE_BLOCKS, 1);
    return true;
  }

  /**
   * Takes all frames of a block that the calling thread owns, with `refs` references each.
   * @returns false when some of them are in use; then none is taken
   */
  takeBlock(block: number, refs: number): boolean {
    // The count is never too high, so all are free, and stay so: only the owner takes them.
    if (this.freeInBlock(block) !== BLOCK_FRAMES) return false;
    const first = block << BLOCK_SHIFT;
    // No atomics, a hundredth of the time: nobody looks at the count of a free frame of a block that is not theirs,
    // and whoever is handed one of these, or claims the block later, is ordered behind the subtraction below.
    this.#refs.fill(refs, first, first + BLOCK_FRAMES);
    this.#blockTouched[block] = BLOCK_FRAMES;
    Atomics.sub(this.#blockFree, block, BLOCK_FRAMES);
    Atomics.sub(this.#header, HEADER.FREE_BLOCKS, 1);
    return true;
  }

  /**
   * Notes that a frame just taken is in use, for its block's owner.
   * @returns whether it is its first use ever, so that its bytes are all zero
   */
  touch(frame: number): boolean {
    const block = frame >>> BLOCK_SHIFT;
    const index = frame & (BLOCK_FRAMES - 1);
    // Blocks are filled in ascending order, so one number divides what was ever used from what was not. Owners
    // alone read and write it, and the block's owner word orders one owner before the next.
    if (index < this.#blockTouched[block]!) return false;
    this.#blockTouched[block] = index + 1;
    return true;
  }

  freeInBlock(block: number): number {
    return Atomics.load(this.#blockFree, block);
  }

  /** Makes a thread the owner of a block unless it has one. @param owner not 0 */
  claimBlock(block: number, owner: number): boolean {
    return (
      Atomics.load(this.#blockOwner, block) === 0 &&
      Atomics.compareExchange(this.#blockOwner, block, 0, owner) === 0
    );
  }

  unclaimBlock(block: number): void {
    Atomics.store(this.#blockOwner, block, 0);
  }

  /** Blocks that were claimed at least once: `0` to below this. */
  get touchedBlocks(): number {
    return Atomics.load(this.#header, HEADER.TOUCHED_BLOCKS);
  }

  /** Wholly free blocks among those that were touched; a hint, as other threads go on. */
  get recycledBlocks(): number {
    return Atomics.load(this.#header, HEADER.FREE_BLOCKS) - (this.blocks - this.touchedBlocks);
  }

  /** The next block that was never touched, for the caller to claim; undefined when there is none. */
  touchBlock(): number | undefined {
    for (let block = this.touchedBlocks; block < this.blocks; ) {
      const found = Atomics.compareExchange(this.#header, HEADER.TOUCHED_BLOCKS, block, block + 1);
      if (found === block) return block;
      block = found;
    }
    return undefined;
  }

  /** Exact when no other thread allocates or drops meanwhile. */
  stats(): FrameStats {
    let free = 0;
    for (let block = 0; block < this.blocks; block++) free += this.freeInBlock(block);
    const total = this.frames - 1;
    return { total, used: total - free, free };
  }
}

function freeFrame(frame: number, done: string): CkptError {
  return new CkptError(
    'EINVAL',
    `frame ${frame} was ${done} while it was free: references are out of balance`,
  );
}
