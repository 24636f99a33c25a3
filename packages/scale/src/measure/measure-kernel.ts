import { tmpdir } from 'node:os';
import { checkContained, collect, newObjectHash, planCheckpoint } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { Samples } from '../engine/samples.js';
import { cpuSeconds } from './cpu-seconds.js';
import type { Measured } from './measured.js';
import { measureSkeleton } from './skeleton.js';

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

/** Costs of a cut and of its plan, from the kernel that is there. */
export async function measureKernel(): Promise<Measured> {
  return { ...(await ofMemory()), ...(await ofTasks()) };
}

/** One task with much memory, that runs. */
async function ofMemory(): Promise<Pick<Measured, 'freezeTree' | 'snapshotLeaf'>> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (MEMORY_MIB + 256) * MIB });
  try {
    const spec = { root: idle({ memoryMiB: MEMORY_MIB, pattern: 'text' }) };
    const root = await kernel.spawn(parseSpec(spec, { baseFolder: tmpdir() }).tree);
    await kernel.stopAt(root, FILL_TICKS_PER_MIB * MEMORY_MIB);
    await kernel.thaw(root);
    const freeze = new Samples();
    const snapshot = new Samples();
    for (let cut = 0; cut <= CUTS; cut++) {
      const { timing, release } = await kernel.cut(root);
      release();
      if (cut === 0) continue;
      freeze.add(timing.freezeUs / 1e6);
      snapshot.add(timing.snapshotUs / 1e6);
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
    const describe = new Samples();
    const merge = new Samples();
    const plan = new Samples();
    let skeleton: Measured = {};
    for (let cut = 0; cut < CUTS / 2; cut++) {
      const asked = performance.now();
      const { tree, timing, release, releaseMm } = await kernel.cut(root);
      const cutUs = (performance.now() - asked) * 1e3;
      describe.add((cutUs - timing.freezeUs - timing.snapshotUs) / 1e6 / TASKS);
      snapshot.add(timing.snapshotUs / 1e6 / TASKS);
      const hash = newObjectHash(releaseMm);
      const start = process.cpuUsage();
      collect(tree, hash);
      checkContained(hash);
      merge.add(cpuSeconds(start) / TASKS);
      const collected = process.cpuUsage();
      planCheckpoint(tree, hash, { head: HEAD });
      plan.add(cpuSeconds(collected) / TASKS);
      if (cut === 1) skeleton = measureSkeleton(tree);
      hash.clear();
      release();
    }
    return {
      snapshotTask: snapshot.quantile(0),
      describeTask: describe.quantile(0),
      mergeTask: merge.quantile(0),
      planTask: plan.quantile(0),
      ...skeleton,
    };
  } finally {
    await kernel.shutdown();
  }
}

const HEAD = { uts: { release: '', version: '', machine: 'x86_64' }, time: 0n, subtree: true };
