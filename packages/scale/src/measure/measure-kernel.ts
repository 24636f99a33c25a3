import { tmpdir } from 'node:os';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { Samples } from '../engine/samples.js';
import { measureMerge } from './measure-merge.js';
import type { Measured } from './measured.js';

const TASKS = 4_000;
const MEMORY_MIB = 512;
const LEAF_MIB = 2;
const CUTS = 40;
const MIB = 2 ** 20;
/** The program `idle` fills two pages in a tick. */
const FILL_TICKS_PER_MIB = 128;

const idle = (params: object, repeat?: number) => ({
  program: 'idle',
  params: { ticks: 1_000_000_000, ...params },
  ...(repeat === undefined ? {} : { repeat }),
});

/** Costs of a cut and of what is done with it, from the kernel that is there. */
export async function measureKernel(): Promise<Measured> {
  return { ...(await ofMemory()), ...(await ofTasks()) };
}

/** One task with much memory, that runs. */
async function ofMemory(): Promise<Measured> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (MEMORY_MIB + 256) * MIB });
  try {
    const spec = { root: idle({ memoryMiB: MEMORY_MIB, pattern: 'text' }) };
    const root = await kernel.spawn(parseSpec(spec, { baseFolder: tmpdir() }).tree);
    await kernel.stopAt(root, FILL_TICKS_PER_MIB * MEMORY_MIB);
    await kernel.thaw(root);
    const freeze = new Samples();
    const snapshot = new Samples();
    for (let cut = 0; cut < CUTS; cut++) {
      const held = await kernel.hold({ rootPid: root });
      held.release();
      freeze.add(held.timing.freezeUs / 1e6);
      snapshot.add(held.timing.snapshotUs / 1e6);
    }
    // The fastest: what is more is waiting for a core. The simulation has delays of its own.
    return {
      freezeTree: freeze.quantile(0),
      snapshotLeaf: snapshot.quantile(0) / (MEMORY_MIB / LEAF_MIB),
    };
  } finally {
    await kernel.shutdown();
  }
}

/** Many tasks with next to none. */
async function ofTasks(): Promise<Measured> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: 1024 * MIB });
  try {
    const spec = { root: { ...idle({ memoryMiB: 0 }), children: [idle({ memoryMiB: 0 }, TASKS - 1)] } };
    const root = await kernel.spawn(parseSpec(spec, { baseFolder: tmpdir() }).tree);
    const snapshot = new Samples();
    const assembly = new Samples();
    let merged: Measured = {};
    for (let cut = 0; cut < CUTS / 4; cut++) {
      const held = await kernel.hold({ rootPid: root });
      held.resume();
      const resumed = performance.now();
      const tree = await held.tree;
      assembly.add((performance.now() - resumed) / 1e3 / TASKS);
      snapshot.add(held.timing.snapshotUs / 1e6 / TASKS);
      if (cut === 1) merged = measureMerge(tree);
      held.release();
    }
    return { snapshotTask: snapshot.quantile(0), assembleTask: assembly.quantile(0), ...merged };
  } finally {
    await kernel.shutdown();
  }
}
