import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint, DumpPool } from '@ckptree/checkpoint';
import { Kernel } from '@ckptree/kernel';
import { restartImage } from '@ckptree/restart';
import { isThere } from '../command.js';
import { copyAndSync, dd } from '../copy-and-sync.js';
import { CriuProcess } from '../criu/criu-process.js';
import { gigabytesPerSecond, inTurn, type Series, type Timing, timed } from '../measure.js';
import { memoryBeyond } from '../peak-memory.js';
import { dumpByThreads } from '../plots/dump-by-threads.js';
import type { Curve, Measurement, Scenario, ScenarioOptions, Section } from '../scenario.js';
import { figures, inverse } from '../statistics.js';
import { RESTIC, restic } from '../store/peers.js';
import { spawnHolder } from '../tree/holder.js';

const MIB = 2 ** 20;
const THREADS = [1, 2];
const COPY = 'cp + sync of the same image';
const dumpName = (threads: number): string =>
  `checkpoint to a durable image, ${threads} thread${threads === 1 ? '' : 's'}`;
/** What a dump may take beyond the tasks' own memory: this, and so much for each thread. */
const GOAL_MEMORY_MIB = { base: 64, thread: 16 };

/** Dump and restart of a tree's memory beside what else makes as many bytes durable, and CRIU. */
export const oneMachine: Scenario = {
  name: 'one-machine',
  summary: 'dump with 1 and 2 threads and what memory it takes, restart; beside cp, dd, restic and CRIU',
  async *measure(options) {
    const { memoryMiB, tell } = options;
    const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.125 + 128) * MIB });
    try {
      tell(`filling ${memoryMiB} MiB with random bytes`);
      const { pid } = await spawnHolder(kernel, { memoryMiB });
      yield* throughput(kernel, pid, options);
    } finally {
      await kernel.shutdown();
    }
  },
};

async function* throughput(
  kernel: Kernel,
  root: number,
  options: ScenarioOptions,
): AsyncIterable<Section | Curve> {
  const { folder, memoryMiB, runs, tell } = options;
  const image = join(folder, 'tree.ckpt');
  const heading = `a frozen task with ${memoryMiB} MiB of random bytes`;
  const save = (pool: DumpPool) => checkpoint(kernel, root, { output: image, pool });
  yield { heading: `${heading}: memory beyond its own`, measurements: await memoryRows(save, runs) };
  const pools = THREADS.map((threads) => new DumpPool({ threads }));
  await Promise.all(pools.map((pool) => pool.warmUp()));
  const dump = (pool: DumpPool) => async () => {
    await rm(image, { force: true });
    return timed(() => save(pool));
  };
  const peers = await peersOf(image, options);
  tell('dumping, copying, restarting in turn');
  const dumps = Object.fromEntries(pools.map((pool) => [dumpName(pool.threads), dump(pool)]));
  const series: Readonly<Record<string, Series>> = await inTurn<string>(runs, {
    ...dumps,
    ...peers.things,
    'restart from the image, 2 threads': () => restartOnce(image),
  }).finally(peers.end);
  await Promise.all(pools.map((pool) => pool.close()));
  const bytes = statSync(image).size;
  const copied = series[COPY]!;
  const speed = ({ seconds }: Series) => inverse(seconds, (time) => gigabytesPerSecond(bytes, time));
  const measurements = Object.entries(series).map(
    ([what, one]): Measurement => ({
      ...{ what, unit: 'GB/s', figures: speed(one), cpuSeconds: one.cpuSeconds },
      ...(what !== COPY && {
        ratio: { value: copied.seconds.median / one.seconds.median, to: 'cp + sync' },
      }),
    }),
  );
  yield { heading, measurements };
  const ofThreads = THREADS.map((threads) => ({ threads, speed: speed(series[dumpName(threads)]!) }));
  yield dumpByThreads(memoryMiB, ofThreads, speed(copied).median);
}

/** What the dump is held against: others that make the image durable, and one that saves a process with such memory. */
async function peersOf(
  image: string,
  { folder, memoryMiB, tell }: ScenarioOptions,
): Promise<{ readonly things: Readonly<Record<string, () => Promise<Timing>>>; readonly end: () => void }> {
  const copy = join(folder, 'copy');
  const onto = (write: (from: string, to: string) => Promise<Timing>) => async () => {
    await rm(copy, { force: true });
    return write(image, copy);
  };
  const backup = isThere(RESTIC, tell) ? restic(image, folder) : undefined;
  const criu = await CriuProcess.start(memoryMiB, folder, tell);
  const things = {
    [COPY]: onto(copyAndSync),
    'dd conv=fsync of it': onto(dd),
    ...(backup && {
      'restic backup of it, into a new repository': async () => {
        await backup.fresh();
        return backup.put();
      },
    }),
    ...(criu && {
      'CRIU dump + sync of a process with as much': async () => {
        const timing = await criu.dump();
        await criu.restore();
        return timing;
      },
    }),
  };
  return { things, end: () => criu?.end() };
}

/** Of a process that has dumped before, with a pool of threads made for each. */
async function memoryRows(save: (pool: DumpPool) => Promise<unknown>, runs: number): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const threads of THREADS) {
    const taken: number[] = [];
    for (let run = 0; run <= runs; run++) {
      const bytes = await memoryBeyond(async () => {
        const pool = new DumpPool({ threads });
        await save(pool).finally(() => pool.close());
      });
      if (run > 0) taken.push(bytes / MIB);
    }
    const goalMiB = GOAL_MEMORY_MIB.base + threads * GOAL_MEMORY_MIB.thread;
    const memory = figures(taken);
    rows.push({
      ...{ what: `${dumpName(threads)}: at most`, unit: 'MiB', figures: memory },
      ratio: { value: memory.median / goalMiB, to: `${goalMiB} MiB`, goal: 1 },
    });
  }
  return rows;
}

/** Verifies, loads and hosts the image in a new kernel, frozen. The kernel's own start is not counted. */
async function restartOnce(image: string): Promise<Timing> {
  const kernel = Kernel.boot({ cpus: 2, memoryBytes: statSync(image).size * 1.25 + 512 * MIB });
  try {
    return await timed(() => restartImage(kernel, image, { frozen: true, threads: 2 }));
  } finally {
    await kernel.shutdown();
  }
}
