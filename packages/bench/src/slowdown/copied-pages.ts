import { Kernel } from '@ckptree/kernel';
import { spawnHolder } from '../tree/holder.js';

const MIB = 2 ** 20;
const WRITES_PER_TICK = 8;

/** What a held snapshot has cost, in frames of 4 KiB. */
export interface Copies {
  /** Pages that the task wrote, each once. */
  readonly written: number;
  /** Frames that came into use meanwhile. */
  readonly frames: number;
  /** How many of them are page tables. */
  readonly leaves: number;
}

/**
 * Has a task write one page in so many, far apart, while a snapshot of it is held. No counter: it is seen in how many more
 * frames are in use, as nothing else allocates any.
 */
export async function copiedPages(memoryMiB: number, oneIn: number): Promise<Copies> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.25 + 64) * MIB });
  try {
    const { pid, filledTick } = await spawnHolder(kernel, {
      ...{ memoryMiB, pattern: 'zero', writesPerTick: WRITES_PER_TICK, scattered: true },
    });
    const ticks = Math.round((memoryMiB * 256) / oneIn / WRITES_PER_TICK);
    const cut = await kernel.cut(pid);
    const before = kernel.memory.stats().used;
    const there = kernel.stopAt(pid, filledTick + ticks);
    await kernel.thaw(pid);
    await there;
    const frames = kernel.memory.stats().used - before;
    const after = await kernel.cut(pid);
    const leaves = leavesOf(cut.tree.tasks[0]?.mm?.memory.leaves, after.tree.tasks[0]?.mm?.memory.leaves);
    after.release();
    cut.release();
    return { written: ticks * WRITES_PER_TICK, frames, leaves };
  } finally {
    await kernel.shutdown();
  }
}

/** Page tables of the later snapshot that the earlier one does not have. */
function leavesOf(earlier: Int32Array = new Int32Array(), later: Int32Array = new Int32Array()): number {
  const known = new Set(earlier.filter((_, index) => index % 2 === 1));
  return later.filter((leaf, index) => index % 2 === 1 && !known.has(leaf)).length;
}
