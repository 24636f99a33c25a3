import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel } from '@ckptree/kernel';
import { type Figures, figures } from '../statistics.js';
import { spawnHolder } from '../tree/holder.js';

const MIB = 2 ** 20;
/** Long enough for the tasks to write again to what the cut before has shared. */
const BETWEEN_CUTS_MS = 5;

/** Of repeated cuts, in microseconds. */
export interface CutTimes {
  /** Until the last task stood at a safe point. */
  readonly freeze: Figures;
  /** Until all page tables were shared, from there. */
  readonly snapshot: Figures;
  /** Until the tasks might run again: what is not the first. */
  readonly beyond: Figures;
  readonly downtime: Figures;
}

/** What was measured of one size of memory, in microseconds. */
export interface Downtime {
  readonly memoryMiB: number;
  readonly cut: CutTimes;
  /** Of fork(), when it could be measured. */
  readonly fork?: Figures;
}

/** A task that holds the memory and writes to it far apart, and one that writes at random to a little of its own. */
export async function cutTimes(memoryMiB: number, cuts: number): Promise<CutTimes> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.125 + 128) * MIB });
  try {
    const { pid } = await spawnHolder(kernel, {
      ...{ memoryMiB, pattern: 'zero', writesPerTick: 8, scattered: true },
      children: [{ program: 'kvstore', params: { workingSetMiB: 16, operations: 4_000_000_000 } }],
    });
    await kernel.thaw(pid);
    return await repeat(kernel, pid, cuts);
  } finally {
    await kernel.shutdown();
  }
}

async function repeat(kernel: Kernel, pid: number, cuts: number): Promise<CutTimes> {
  const [freeze, snapshot, beyond, downtime]: number[][] = [[], [], [], []];
  for (let cut = 0; cut <= cuts; cut++) {
    await sleep(BETWEEN_CUTS_MS);
    const { timing, release } = await kernel.cut(pid);
    release();
    if (cut === 0) continue;
    const { freezeUs, snapshotUs, downtimeUs = Number.NaN } = timing;
    freeze!.push(freezeUs);
    snapshot!.push(snapshotUs);
    beyond!.push(downtimeUs - freezeUs);
    downtime!.push(downtimeUs);
  }
  return {
    ...{ freeze: figures(freeze!), snapshot: figures(snapshot!) },
    ...{ beyond: figures(beyond!), downtime: figures(downtime!) },
  };
}
