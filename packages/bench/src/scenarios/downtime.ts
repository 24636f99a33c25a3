import { freemem } from 'node:os';
import { cutTimes, type Downtime } from '../downtime/cut-times.js';
import { compileForkTimes } from '../downtime/fork-time.js';
import { downtimeBySize } from '../plots/downtime-by-size.js';
import type { Measurement, Ratio, Scenario } from '../scenario.js';
import { type Figures, figures } from '../statistics.js';
import { steps } from '../steps.js';

const MIB = 2 ** 20;
const CUTS = 50;
const SMALLEST_MIB = 64;
const STEP = 4;
/** A tree of the size that was asked for, and one of so many times that. */
const LARGEST = 4;
/** Bytes that a measurement takes, as a multiple of the task's memory. */
const FOOTPRINT = 1.25;

/** The size at which fork() is to take so many times as long. */
const FORK_GOAL = { memoryMiB: 1024, times: 60 };
/** What a cut may take beyond the time in which tasks come to safe points. */
const BEYOND_GOAL_US = 250;
/** All sizes are to be as fast as the smallest, within this factor. */
const FLAT_GOAL = 2;

/** How long the tasks of one kernel stand still for a cut, by the size of their memory. */
export const downtime: Scenario = {
  name: 'downtime',
  summary: 'how long running tasks stand still for a cut, by size of memory; beside fork() of as much',
  async *measure({ folder, memoryMiB, tell }) {
    const forkTimes = await compileForkTimes(folder, tell);
    const measured: Downtime[] = [];
    for (const size of steps(Math.min(SMALLEST_MIB, memoryMiB), STEP, memoryMiB * LARGEST)) {
      if (size * MIB * FOOTPRINT > freemem()) {
        tell(`${size} MiB are left out, for so much memory is not free`);
        break;
      }
      tell(`${CUTS} cuts of running tasks with ${size} MiB`);
      const cut = await cutTimes(size, CUTS);
      const fork = forkTimes && figures(await forkTimes(size, CUTS));
      const one = { memoryMiB: size, cut, ...(fork && { fork }) };
      measured.push(one);
      yield {
        heading: `${CUTS} cuts of tasks with ${size} MiB that write all the while`,
        measurements: rowsOf(one, measured[0]!),
      };
    }
    yield downtimeBySize(measured);
  },
};

function rowsOf({ memoryMiB, cut, fork }: Downtime, smallest: Downtime): Measurement[] {
  const row = (what: string, of: Figures, ratio?: Ratio): Measurement => ({
    ...{ what, unit: 'us', figures: of },
    ...(ratio && { ratio }),
  });
  const faster = (than: Figures): Ratio => ({
    value: than.median / cut.downtime.median,
    to: 'as short as fork()',
    ...(memoryMiB >= FORK_GOAL.memoryMiB && { goal: FORK_GOAL.times }),
  });
  return [
    row('downtime, until all run again', cut.downtime, fork && faster(fork)),
    row('of which until all tasks are at safe points', cut.freeze),
    row('of which sharing all page tables', cut.snapshot),
    row('all beyond the safe points', cut.beyond, {
      ...{ value: cut.beyond.median / BEYOND_GOAL_US, to: `${BEYOND_GOAL_US} us`, goal: 1 },
    }),
    ...(fork === undefined ? [] : [row('fork() of a process with as much', fork)]),
    ...(memoryMiB === smallest.memoryMiB
      ? []
      : [
          row(`downtime, beside that of ${smallest.memoryMiB} MiB`, cut.downtime, {
            value: cut.downtime.median / smallest.cut.downtime.median,
            ...{ to: `that of ${smallest.memoryMiB} MiB`, goal: FLAT_GOAL },
          }),
        ]),
  ];
}
