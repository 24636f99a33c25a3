import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpoint } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { PAGE_SIZE } from '@ckptree/model';
import { restartImage } from '@ckptree/restart';
import type { Measurement, ScenarioOptions, Section } from '../scenario.js';
import { exactly, type Figures, figures } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';

const MIB = 2 ** 20;
const TASKS = 1_000;
const WORKERS = 8;
const WORKER_MEMORY_MIB = 128;
/** One maps a page, one fills it. */
const FILLED_TICKS = 2;
const KERNEL_MEMORY = 512 * MIB;

const STEPS = ['spawn', 'downtime', 'durable', 'restart'] as const;
type Step = (typeof STEPS)[number];
/** Milliseconds of each step. */
type Steps = Readonly<Record<Step, number>>;

/** Bytes of a checkpoint. */
interface Sizes {
  readonly manifest: number;
  readonly image: number;
  readonly stored: number;
}

const WHAT: Readonly<Record<Step, string>> = {
  spawn: 'spawn, until all are started',
  downtime: 'downtime of the frozen tree, until its cut is taken',
  durable: 'from the request until it is durable and known',
  restart: 'restart, frozen',
};

/** A thousand tasks with next to no memory over eight workers, beside as many in one kernel of one process. */
export async function manyTasks({ folder, runs, tell }: ScenarioOptions): Promise<Section[]> {
  const cluster = await BenchCluster.start({ folder, workers: WORKERS, memoryMiB: WORKER_MEMORY_MIB });
  try {
    tell(`${TASKS} tasks over ${WORKERS} workers, and in one kernel`);
    const spread: Steps[] = [];
    const alone: Steps[] = [];
    let sizes: Sizes | undefined;
    for (let run = 0; run <= runs; run++) {
      const own = await ofCluster(cluster);
      const beside = await ofKernel(join(folder, 'many-tasks.ckpt'));
      sizes = own.sizes;
      if (run === 0) continue;
      spread.push(own.steps);
      alone.push(beside);
    }
    const seriesOf = (all: readonly Steps[], step: Step): Figures => figures(all.map((steps) => steps[step]));
    const measurements = STEPS.flatMap((step): Measurement[] => {
      const own = seriesOf(spread, step);
      const beside = seriesOf(alone, step);
      const ratio = { value: own.median / beside.median, to: 'one kernel' };
      return [
        { what: WHAT[step], unit: 'ms', figures: own, ratio },
        { what: 'the same in one kernel of one process', unit: 'ms', figures: beside },
      ];
    });
    return [
      {
        heading: `${TASKS} tasks with a page each over ${WORKERS} workers, frozen by hand once they run: with fewer cores than workers they would keep the services waiting`,
        measurements: [...measurements, ...ofEachTask(sizes!)],
      },
    ];
  } finally {
    await cluster.stop();
  }
}

function ofEachTask({ manifest, image, stored }: Sizes): Measurement[] {
  const row = (what: string, bytes: number): Measurement => ({
    what: `of each task: ${what}`,
    unit: 'bytes',
    figures: exactly(bytes / TASKS),
  });
  return [
    row('manifest, which names the chunks of the lists of chunks', manifest),
    row('image beside its pages', image),
    row('stored, of which 4096 are a page of random bytes', stored),
  ];
}

async function ofCluster(cluster: BenchCluster): Promise<{ readonly steps: Steps; readonly sizes: Sizes }> {
  const spawning = performance.now();
  const started = await cluster.spawn({ tasks: TASKS - 1, memoryMiB: 0, workers: WORKERS, writing: true });
  const spawn = performance.now() - spawning;
  await cluster.filled(started.tree, 0);
  await cluster.client.freeze(started.rootPid);
  const { id, figures: taken, seconds } = await cluster.checkpoint(started.rootPid);
  await cluster.kill(started);
  const restarting = performance.now();
  const restarted = await cluster.client.restart(id, { frozen: true });
  const restart = performance.now() - restarting;
  await cluster.kill(restarted);
  const { size: manifest } = await stat(join(cluster.store, 'manifests', id));
  const { downtimeUs = Number.NaN, pages = 0, logicalBytes = 0, storedBytes = 0 } = taken;
  return {
    steps: { spawn, downtime: downtimeUs / 1e3, durable: seconds * 1e3, restart },
    sizes: { manifest, image: logicalBytes - pages * PAGE_SIZE, stored: storedBytes },
  };
}

/** The same without a cluster. */
async function ofKernel(image: string): Promise<Steps> {
  const idle = { program: 'idle', params: { memoryMiB: 0, forever: true, writesPerTick: 1 } };
  const spec = { root: { ...idle, children: [{ ...idle, repeat: TASKS - 1 }] } };
  const { tree } = parseSpec(spec, { baseFolder: '/' });
  const first = Kernel.boot({ cpus: 1, memoryBytes: KERNEL_MEMORY });
  const steps = { spawn: 0, downtime: 0, durable: 0, restart: 0 };
  try {
    const spawning = performance.now();
    const root = await first.spawn(tree);
    const spawned = performance.now();
    while (!first.ps().every(({ ticks }) => ticks >= FILLED_TICKS)) await sleep(1);
    await first.freeze(root);
    const requested = performance.now();
    const { timing } = await checkpoint(first, root, { output: image });
    Object.assign(steps, {
      spawn: spawned - spawning,
      durable: performance.now() - requested,
      downtime: (timing.downtimeUs ?? Number.NaN) / 1e3,
    });
  } finally {
    await first.shutdown();
  }
  const second = Kernel.boot({ cpus: 1, memoryBytes: KERNEL_MEMORY });
  try {
    const restarting = performance.now();
    await restartImage(second, image, { frozen: true });
    return { ...steps, restart: performance.now() - restarting };
  } finally {
    await second.shutdown();
  }
}
