import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { restartImage } from '@ckptree/restart';
import type { Measurement, ScenarioOptions, Section } from '../scenario.js';
import { type Figures, figures } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';

const MIB = 2 ** 20;
const TASKS = 1_000;
const WORKERS = 8;
const WORKER_MEMORY_MIB = 128;
const KERNEL_MEMORY = 512 * MIB;

const STEPS = ['spawn', 'downtime', 'durable', 'restart'] as const;
type Step = (typeof STEPS)[number];
/** Milliseconds of each step. */
type Steps = Readonly<Record<Step, number>>;

const WHAT: Readonly<Record<Step, string>> = {
  spawn: 'spawn, until all are started',
  downtime: 'downtime',
  durable: 'from the request until it is durable and known',
  restart: 'restart, until all are started',
};

/** A thousand tasks with next to no memory over eight workers, beside as many in one kernel of one process. */
export async function manyTasks({ folder, runs, tell }: ScenarioOptions): Promise<Section[]> {
  const cluster = await BenchCluster.start({ folder, workers: WORKERS, memoryMiB: WORKER_MEMORY_MIB });
  try {
    tell(`${TASKS} tasks over ${WORKERS} workers, and in one kernel`);
    const spread: Steps[] = [];
    const alone: Steps[] = [];
    let manifestBytes = 0;
    for (let run = 0; run <= runs; run++) {
      const { manifest, ...steps } = await ofCluster(cluster);
      const beside = await ofKernel(join(folder, 'many-tasks.ckpt'));
      manifestBytes = manifest;
      if (run === 0) continue;
      spread.push(steps);
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
    const manifest: Measurement = {
      what: 'manifest, of each task',
      unit: 'bytes',
      figures: figures([Math.round(manifestBytes / TASKS)]),
    };
    return [
      {
        heading: `${TASKS} running tasks with a page each over ${WORKERS} workers`,
        measurements: [...measurements, manifest],
      },
    ];
  } finally {
    await cluster.stop();
  }
}

async function ofCluster(cluster: BenchCluster): Promise<Steps & { readonly manifest: number }> {
  const spawning = performance.now();
  const started = await cluster.spawn({ tasks: TASKS, memoryMiB: 0, workers: WORKERS, writing: true });
  const spawn = performance.now() - spawning;
  const { id, figures: taken, seconds } = await cluster.checkpoint(started.rootPid);
  await cluster.kill(started);
  const restarting = performance.now();
  const restarted = await cluster.client.restart(id);
  const restart = performance.now() - restarting;
  await cluster.kill(restarted);
  const { size: manifest } = await stat(join(cluster.store, 'manifests', id));
  return {
    spawn,
    downtime: (taken.downtimeUs ?? Number.NaN) / 1e3,
    durable: seconds * 1e3,
    restart,
    manifest,
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
    const requested = performance.now();
    const { timing } = await checkpoint(first, root, { output: image });
    Object.assign(steps, {
      spawn: requested - spawning,
      durable: performance.now() - requested,
      downtime: (timing.downtimeUs ?? Number.NaN) / 1e3,
    });
  } finally {
    await first.shutdown();
  }
  const second = Kernel.boot({ cpus: 1, memoryBytes: KERNEL_MEMORY });
  try {
    const restarting = performance.now();
    await restartImage(second, image, {});
    return { ...steps, restart: performance.now() - restarting };
  } finally {
    await second.shutdown();
  }
}
