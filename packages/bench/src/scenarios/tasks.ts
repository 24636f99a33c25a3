import { freemem } from 'node:os';
import { saveByTasks } from '../plots/save-by-tasks.js';
import type { Measurement, Ratio, Scenario } from '../scenario.js';
import { exactly, type Figures } from '../statistics.js';
import { BYTES_PER_TASK, type TinyTasks, tinyTasks } from '../tasks/tiny-tasks.js';

const SIZES = [1_000, 10_000, 100_000];
/** Bytes that a tree takes, as a multiple of its tasks' simulated memory: what the threads know of each task. */
const FOOTPRINT = 2;
/** Of a tree of 100,000 tasks. */
const GOAL_SECONDS = 1;
const GOAL_BYTES_PER_TASK = 1024;

/** What many tasks cost that have next to no memory. */
export const tasks: Scenario = {
  name: 'tasks',
  summary: 'a tree of 1,000 to 100,000 tiny tasks: spawn, downtime, checkpoint, bytes of each task',
  async *measure({ folder, runs, tell }) {
    const measured: TinyTasks[] = [];
    for (const count of SIZES) {
      if (count * BYTES_PER_TASK * FOOTPRINT > freemem()) {
        tell(`${count} tasks are left out, for so much memory is not free`);
        break;
      }
      tell(`spawning and saving ${count} tasks ${runs + 1} times`);
      const one = await tinyTasks(count, runs, folder);
      measured.push(one);
      yield { heading: `a tree of ${count} tasks with a page each, running`, measurements: rowsOf(one) };
    }
    yield saveByTasks(measured);
  },
};

function rowsOf(one: TinyTasks): Measurement[] {
  const isGoal = one.tasks === SIZES.at(-1);
  const row = (what: string, of: Figures, ratio?: Ratio): Measurement => ({
    ...{ what, unit: 's', figures: of },
    ...(ratio && { ratio }),
  });
  const bytes = (what: string, stored: number): Measurement => ({
    ...{ what, unit: 'bytes', figures: exactly(stored / one.tasks) },
    ratio: { value: stored / one.tasks / GOAL_BYTES_PER_TASK, to: `${GOAL_BYTES_PER_TASK} bytes`, goal: 1 },
  });
  const planned = one.plan.median + one.commit.median;
  return [
    row('spawn', one.spawn),
    row('downtime', one.downtime),
    row('of which until all are at safe points', one.freeze),
    row('then: what the cpus saw, put together', one.assembly),
    row('collect and plan', one.plan),
    row('write to an empty store', one.write),
    row('commit', one.commit),
    {
      ...{ what: 'collect, plan and commit', unit: 's', figures: exactly(planned) },
      ...(isGoal && { ratio: { value: planned / GOAL_SECONDS, to: `${GOAL_SECONDS} s`, goal: 1 } }),
    },
    row('from request to durable', one.whole),
    bytes('in the store, of each task: manifest', one.manifestBytes),
    bytes('in the store, of each task: all', one.storedBytes),
  ];
}
