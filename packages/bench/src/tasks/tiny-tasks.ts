import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointTo, storeSink } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { poolEngine, Store } from '@ckptree/store';
import { type Figures, figures } from '../statistics.js';
import { folderSize } from '../store/folder-size.js';
import { TICKS } from '../tree/holder.js';

/** Bytes of simulated memory that such a task takes, page tables included, and what comes on top. */
export const BYTES_PER_TASK = 48 * 1024;
const BASE_BYTES = 256 * 2 ** 20;

/** Of a tree of many tasks with a page each; times in seconds. */
export interface TinyTasks {
  readonly tasks: number;
  readonly spawn: Figures;
  /** Until all stood at safe points. */
  readonly freeze: Figures;
  readonly downtime: Figures;
  /** From there until it was told by the cpus, and put together, who there is. */
  readonly assembly: Figures;
  /** Collecting shared objects, planning the image. */
  readonly plan: Figures;
  /** Writing it into a store that has nothing. */
  readonly write: Figures;
  /** Making it a checkpoint: all of it durable, the manifest last. */
  readonly commit: Figures;
  /** From the request until it was a checkpoint. */
  readonly whole: Figures;
  /** What the store then has: of all, and of the manifest alone. */
  readonly storedBytes: number;
  readonly manifestBytes: number;
}

type Times = Record<'freeze' | 'downtime' | 'assembly' | 'plan' | 'write' | 'commit' | 'whole', number[]>;

/** Spawns and saves a tree of a root and its children, once to warm up, then `runs` times. */
export async function tinyTasks(tasks: number, runs: number, folder: string): Promise<TinyTasks> {
  const spawns: number[] = [];
  const times: Times = { freeze: [], downtime: [], assembly: [], plan: [], write: [], commit: [], whole: [] };
  const kernel = Kernel.boot({ memoryBytes: BASE_BYTES + tasks * BYTES_PER_TASK });
  const path = join(folder, 'tasks');
  try {
    for (let run = 0; run <= runs; run++) {
      const start = performance.now();
      const root = await kernel.spawn(parseSpec(specOf(tasks), { baseFolder: folder }).tree);
      if (run > 0) spawns.push((performance.now() - start) / 1e3);
      await rm(path, { recursive: true, force: true });
      const store = await Store.init(path, { engine: poolEngine() });
      try {
        await saveOnce(kernel, root, store, run > 0 ? times : undefined);
      } finally {
        await store.close();
      }
      await kernel.kill(root);
    }
    const sizes = {
      storedBytes: await folderSize(path),
      manifestBytes: await folderSize(join(path, 'manifests')),
    };
    const entries = Object.entries(times).map(([name, values]) => [name, figures(values)]);
    return { tasks, spawn: figures(spawns), ...sizes, ...Object.fromEntries(entries) } as TinyTasks;
  } finally {
    await kernel.shutdown();
    await rm(path, { recursive: true, force: true });
  }
}

async function saveOnce(kernel: Kernel, root: number, store: Store, times: Times | undefined): Promise<void> {
  const start = performance.now();
  const { timing } = await checkpointTo(storeSink(store), kernel, root);
  if (times === undefined) return;
  const whole = performance.now() - start;
  const { freezeUs, downtimeUs = Number.NaN, planMs, dumpMs, syncMs } = timing;
  times.freeze.push(freezeUs / 1e6);
  times.downtime.push(downtimeUs / 1e6);
  times.plan.push(planMs / 1e3);
  times.write.push(dumpMs / 1e3);
  times.commit.push(syncMs / 1e3);
  times.assembly.push((whole - downtimeUs / 1e3 - planMs - dumpMs - syncMs) / 1e3);
  times.whole.push(whole / 1e3);
}

/** Pages are zeros, so that what is stored are the tasks and not what is in their memory. */
const specOf = (tasks: number) => {
  const task = { program: 'idle', params: { memoryMiB: 0, pattern: 'zero', ticks: TICKS } };
  return { name: 'tasks', root: { ...task, children: [{ ...task, repeat: tasks - 1 }] } };
};
