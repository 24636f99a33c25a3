import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint, DumpPool } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { restartImage } from '@ckptree/restart';
import { runCommand } from '../command.js';
import { gigabytesPerSecond, inTurn, sum, type Timing, timed } from '../measure.js';
import type { Measurement, Scenario, ScenarioOptions } from '../scenario.js';
import { figures, inverse } from '../statistics.js';

const CUTS = 50;
const MIB = 2 ** 20;
/** The program `idle` fills two pages in a tick. */
const FILL_TICKS_PER_MIB = 128;

/** A tree that writes all the while: one task holds incompressible memory, one writes into its own at random. */
const specOf = (memoryMiB: number) => ({
  name: 'bench',
  root: {
    program: 'idle',
    params: { memoryMiB, pattern: 'random', ticks: 1_000_000_000 },
    children: [
      { program: 'kvstore', params: { workingSetMiB: 16, operations: 4_000_000_000, writePercent: 50 } },
    ],
  },
});

/** Downtime of a running tree; dump and restart of its memory beside cp and sync of as many bytes. */
export const oneMachine: Scenario = {
  name: 'one-machine',
  summary: 'downtime, dump with 1 and 2 threads, restart; beside cp + sync of the same bytes',
  async *measure(options) {
    const kernel = Kernel.boot({ cpus: 2, memoryBytes: (options.memoryMiB * 2 + 512) * MIB });
    try {
      options.tell(`filling ${options.memoryMiB} MiB with random bytes`);
      const root = await kernel.spawn(
        parseSpec(specOf(options.memoryMiB), { baseFolder: options.folder }).tree,
      );
      await kernel.stopAt(root, FILL_TICKS_PER_MIB * options.memoryMiB);
      await kernel.thaw(root);
      options.tell(`taking ${CUTS} cuts of the running tree`);
      const downtime = await downtimes(kernel, root);
      const heading = `a tree with ${options.memoryMiB} MiB of random bytes that writes all the while`;
      yield { heading, measurements: [...downtime, ...(await throughput(kernel, root, options))] };
    } finally {
      await kernel.shutdown();
    }
  },
};

async function downtimes(kernel: Kernel, root: number): Promise<Measurement[]> {
  const down: number[] = [];
  const snapshot: number[] = [];
  for (let cut = 0; cut <= CUTS; cut++) {
    const { timing, release } = await kernel.cut(root);
    release();
    if (cut === 0) continue;
    down.push(timing.downtimeUs ?? Number.NaN);
    snapshot.push(timing.snapshotUs);
  }
  return [
    { what: 'downtime, request to running again', unit: 'us', figures: figures(down) },
    { what: 'of which snapshot of all page tables', unit: 'us', figures: figures(snapshot) },
  ];
}

async function throughput(
  kernel: Kernel,
  root: number,
  { folder, runs, tell }: ScenarioOptions,
): Promise<Measurement[]> {
  const image = join(folder, 'tree.ckpt');
  const copy = join(folder, 'copy');
  await kernel.freeze(root);
  const pools = [1, 2].map((threads) => new DumpPool({ threads }));
  await Promise.all(pools.map((pool) => pool.warmUp()));
  const dump = (pool: DumpPool) => async () => {
    await rm(image, { force: true });
    return timed(() => checkpoint(kernel, root, { output: image, pool }));
  };
  tell('dumping, copying, restarting in turn');
  const series = await inTurn(runs, {
    one: dump(pools[0]!),
    two: dump(pools[1]!),
    cp: async () => {
      await rm(copy, { force: true });
      return copyAndSync(image, copy);
    },
    restart: () => restartOnce(image),
  });
  await Promise.all(pools.map((pool) => pool.close()));
  const bytes = statSync(image).size;
  const row = (what: string, name: keyof typeof series): Measurement => ({
    what,
    unit: 'GB/s',
    figures: inverse(series[name].seconds, (seconds) => gigabytesPerSecond(bytes, seconds)),
    cpuSeconds: series[name].cpuSeconds,
    ...(name === 'cp'
      ? {}
      : { ratio: { value: series.cp.seconds.median / series[name].seconds.median, to: 'cp + sync' } }),
  });
  return [
    row('checkpoint to a durable image, 1 thread', 'one'),
    row('checkpoint to a durable image, 2 threads', 'two'),
    row('cp + sync of the same image', 'cp'),
    row('restart from the image, 2 threads', 'restart'),
  ];
}

/** `cp` and `sync` of one file, as anybody would do it by hand. */
async function copyAndSync(from: string, to: string): Promise<Timing> {
  return sum(await runCommand(['cp', '--reflink=never', from, to]), await runCommand(['sync', to]));
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
