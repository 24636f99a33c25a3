import { gigabytesPerSecond, inTurn } from '../measure.js';
import type { Measurement, ScenarioOptions, Section } from '../scenario.js';
import { inverse } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';
import { frozenCheckpoint, WARM_UPS } from './frozen-checkpoint.js';

const MIB = 2 ** 20;
const WORKERS = 2;
const GOAL = 1.8;
/** The default, at which the rest of the cluster takes as much as the compressor; and one at which that is the limit. */
const LEVELS = [1, 9];

/**
 * What a second worker adds when each has a thread to itself, and neither disk nor memory is the limit: contents compress well,
 * so that hardly anything is written.
 */
export async function* scaling(options: ScenarioOptions): AsyncIterable<Section> {
  for (const level of LEVELS) yield await scalingAt(level, options);
}

async function scalingAt(level: number, options: ScenarioOptions): Promise<Section> {
  const { folder, runs, tell } = options;
  // As long as at the default, more or less.
  const memoryMiB = Math.ceil(options.memoryMiB / Math.sqrt(level) / 2) * 2;
  const cluster = await BenchCluster.start({
    ...{ folder, level, workers: WORKERS, threads: 1 },
    memoryMiB: Math.ceil(memoryMiB * 1.1) + 128,
  });
  try {
    tell(
      `making ${memoryMiB} MiB of text durable ${runs + WARM_UPS} times at level ${level} with one worker of one thread, and with two`,
    );
    const over = (workers: number) => () =>
      frozenCheckpoint(cluster, { memoryMiB, workers, pattern: 'text' });
    const { one, two } = await inTurn(runs, { one: over(1), two: over(2) }, WARM_UPS);
    const row = (what: string, { seconds, cpuSeconds }: typeof one): Measurement => ({
      what,
      unit: 'GB/s',
      figures: inverse(seconds, (each) => gigabytesPerSecond(memoryMiB * MIB, each)),
      cpuSeconds,
    });
    const ratio = {
      value: one.seconds.median / two.seconds.median,
      to: '1 worker',
      ...(level === LEVELS.at(-1) && { goal: GOAL }),
    };
    return {
      heading: `${memoryMiB} MiB of text in a frozen tree, workers of one thread each, zstd at level ${level}, by claim check`,
      measurements: [row('1 worker', one), { ...row('2 workers', two), ratio }],
    };
  } finally {
    await cluster.stop();
  }
}
