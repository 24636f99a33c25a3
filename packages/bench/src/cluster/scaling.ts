import { gigabytesPerSecond, inTurn } from '../measure.js';
import type { Measurement, ScenarioOptions, Section } from '../scenario.js';
import { inverse } from '../statistics.js';
import { BenchCluster } from './bench-cluster.js';
import { frozenCheckpoint, WARM_UPS } from './frozen-checkpoint.js';

const MIB = 2 ** 20;
const WORKERS = 2;
const GOAL = 1.8;

/**
 * What a second worker adds when each has a core to itself, and neither disk nor memory is the limit: contents compress well,
 * so that hardly anything is written.
 */
export async function scaling({ folder, memoryMiB, runs, tell }: ScenarioOptions): Promise<Section> {
  const cluster = await BenchCluster.start({
    folder,
    workers: WORKERS,
    threads: 1,
    memoryMiB: Math.ceil(memoryMiB * 1.1) + 128,
  });
  try {
    tell(
      `making ${memoryMiB} MiB of text durable ${runs + WARM_UPS} times with one worker of one thread, and with two`,
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
    const ratio = { value: one.seconds.median / two.seconds.median, to: '1 worker', goal: GOAL };
    return {
      heading: `${memoryMiB} MiB of text in a frozen tree, workers of one thread each, by claim check`,
      measurements: [row('1 worker', one), { ...row('2 workers', two), ratio }],
    };
  } finally {
    await cluster.stop();
  }
}
