import { threadId } from 'node:worker_threads';
import { CkptError } from '@ckptree/errors';
import { ARENA_FRAMES } from '@ckptree/model';
import { BLOCK_FRAMES, type FrameMap } from './frame-map.js';

/** A block that gets at least so many frames back while it is owned is gone through again, not left for another. */
const WORTH_ANOTHER_ROUND = BLOCK_FRAMES / 4;
/** The search for a partly free block ends at one that is free by half. */
const MOSTLY_FREE = BLOCK_FRAMES / 2;

/**
 * An allocator of one thread. It owns one block of frames at a time and takes them in ascending order, so that what
 * is written together lies together, and threads meet only when they change blocks.
 */
export class FrameAllocator {
  readonly #map: FrameMap;
  /** Not 0, and no other thread's. */
  readonly #owner = threadId + 1;
  #block: number | undefined;
  #next = 0;
  #end = 0;
  /** Where the search for a block goes on. */
  #cursor = 0;
  #tookFresh = false;

  constructor(map: FrameMap) {
    this.#map = map;
  }

  /** Whether the frame that take() gave last was never used before, so that its bytes are all zero. */
  get tookFresh(): boolean {
    return this.#tookFresh;
  }

  /** Takes a free frame. @throws ENOMEM no block with a free frame is left */
  take(): number {
    for (;;) {
      while (this.#next < this.#end) {
        const frame = this.#next++;
        if (!this.#map.take(frame)) continue;
        this.#tookFresh = this.#map.touch(frame);
        return frame;
      }
      this.#refill();
    }
  }

  /**
   * Takes `count` free frames, as long runs as possible, none across arenas; whole blocks at once where there are any.
   * @param refs references that each of them gets
   * @returns pairs (first frame, frames)
   * @throws ENOMEM as take(); then none is taken
   */
  takeRuns(count: number, refs = 1): Int32Array {
    const runs: number[] = [];
    try {
      for (let left = count; left > 0; ) {
        const block = this.#next === this.#end && left >= BLOCK_FRAMES ? this.#takeBlock(refs) : undefined;
        if (block === undefined) {
          addRun(runs, this.#takeReferenced(refs), 1);
          left--;
        } else {
          addRun(runs, block * BLOCK_FRAMES, BLOCK_FRAMES);
          left -= BLOCK_FRAMES;
        }
      }
    } catch (error) {
      this.#giveBack(runs, refs);
      throw error;
    }
    return Int32Array.from(runs);
  }

  #takeReferenced(refs: number): number {
    const frame = this.take();
    for (let more = 1; more < refs; more++) this.#map.grab(frame);
    return frame;
  }

  #giveBack(runs: readonly number[], refs: number): void {
    for (let run = 0; run < runs.length; run += 2)
      for (let frame = runs[run]!; frame < runs[run]! + runs[run + 1]!; frame++)
        for (let each = 0; each < refs; each++) this.#map.drop(frame);
  }

  /** All frames of some block. @returns undefined when no block is wholly free */
  #takeBlock(refs: number): number | undefined {
    for (let block = this.#claimWhole(); block !== undefined; block = this.#claimWhole()) {
      const taken = this.#map.takeBlock(block, refs);
      this.#map.unclaimBlock(block);
      if (taken) return block;
    }
    return undefined;
  }

  #claimWhole(): number | undefined {
    return this.#claimRecycled() ?? this.#claimUntouched();
  }

  /** Leaves the block to others; the next take() claims one anew. @returns whether there was one */
  releaseBlock(): boolean {
    if (this.#block === undefined) return false;
    this.#map.unclaimBlock(this.#block);
    this.#block = undefined;
    this.#next = 0;
    this.#end = 0;
    return true;
  }

  #refill(): void {
    const again = this.#block !== undefined && this.#map.freeInBlock(this.#block) >= WORTH_ANOTHER_ROUND;
    const block = again ? this.#block! : this.#changeBlock();
    this.#block = block;
    this.#next = block * BLOCK_FRAMES;
    this.#end = this.#next + BLOCK_FRAMES;
  }

  #changeBlock(): number {
    this.releaseBlock();
    const block = this.#claimWhole() ?? this.#claimPartlyFree();
    if (block !== undefined) return block;
    const { total, free } = this.#map.stats();
    throw new CkptError(
      'ENOMEM',
      `physical memory is used up: ${total} frames, ${free} free in blocks that other threads own; start with more`,
    );
  }

  /** A wholly free block that was used before: the operating system has its pages ready. */
  #claimRecycled(): number | undefined {
    if (this.#map.recycledBlocks <= 0) return undefined;
    return this.#search((free) => free === BLOCK_FRAMES);
  }

  #claimUntouched(): number | undefined {
    for (let block = this.#map.touchBlock(); block !== undefined; block = this.#map.touchBlock())
      // Another thread's search may have come by since the block counts as touched, and claimed it.
      if (this.#map.claimBlock(block, this.#owner)) return block;
    return undefined;
  }

  #claimPartlyFree(): number | undefined {
    return this.#search((free) => free >= MOSTLY_FREE) ?? this.#search((free) => free > 0);
  }

  /** Goes once through the touched blocks from the cursor on. What it claims may be used up by then; take() sees. */
  #search(wanted: (free: number) => boolean): number | undefined {
    const blocks = this.#map.touchedBlocks;
    for (let step = 0; step < blocks; step++) {
      const block = (this.#cursor + step) % blocks;
      if (!wanted(this.#map.freeInBlock(block)) || !this.#map.claimBlock(block, this.#owner)) continue;
      this.#cursor = block + 1;
      return block;
    }
    return undefined;
  }
}

/** Adds a run, to the last one if it goes on there and both are in one arena. */
function addRun(runs: number[], first: number, frames: number): void {
  const last = runs.length - 2;
  if (last >= 0 && runs[last]! + runs[last + 1]! === first && first % ARENA_FRAMES !== 0)
    runs[last + 1]! += frames;
  else runs.push(first, frames);
}
