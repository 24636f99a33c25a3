import { CkptError } from '@ckptree/errors';
import { type Group, Groups } from './groups.js';
import type { PlacingTask } from './placing-task.js';

/** A worker that can take tasks. */
export interface PlacingWorker {
  readonly id: string;
  /** What it has to do already, see `placementLoad`. */
  readonly load: number;
}

export interface PlacingOptions {
  /** At least one; the tasks are spread so that all are loaded alike. */
  readonly workers: readonly PlacingWorker[];
  /** Which worker somebody wants a task on, by pid. */
  readonly placement?: ReadonlyMap<number, string>;
}

/** What memory adds to the load that a task is: as much as one task more for each MiB. */
const BYTES_OF_ONE = 2 ** 20;

/** The load of tasks and their memory, in tasks. */
export const placementLoad = ({ tasks, memoryBytes }: { tasks: number; memoryBytes: number }): number =>
  tasks + memoryBytes / BYTES_OF_ONE;

/**
 * A worker for each task of a tree. Tasks one behind the other stay together as far as the loads allow: a tree falls into
 * few fragments.
 * @param tasks depth-first
 * @throws EINVAL an explicit placement names a task or worker that is not there, or parts what cannot be apart; EAGAIN there
 *   is no worker
 */
export function placeTasks(
  tasks: readonly PlacingTask[],
  { workers, placement = new Map() }: PlacingOptions,
): Map<number, string> {
  if (workers.length === 0) throw new CkptError('EAGAIN', 'there is no worker that could host the tasks');
  checkPlacement(tasks, workers, placement);
  const groups = new Groups(tasks, placement);
  const added = new Map(workers.map(({ id, load }) => [id, load]));
  const free = groups.list().filter(({ place, load }) => {
    if (place !== undefined) added.set(place, added.get(place)! + load);
    return place === undefined;
  });
  fill(
    [...added].toSorted(([, one], [, other]) => one - other),
    free,
  );
  return new Map(tasks.map(({ pid }, index) => [pid, groups.placeOf(index)]));
}

type Loaded = readonly [id: string, load: number];

/** Gives groups to workers, one worker after the other. @param workers the least loaded first */
function fill(workers: readonly Loaded[], groups: readonly Group[]): void {
  let left = groups.reduce((sum, { load }) => sum + load, 0);
  let next = 0;
  for (const [index, [id]] of workers.entries()) {
    const isLast = index === workers.length - 1;
    const share = firstShare(workers.slice(index), left);
    let given = 0;
    for (; next < groups.length; next++) {
      const group = groups[next]!;
      // It goes where most of it fits; a large one goes where nothing else is.
      if (!isLast && given > 0 && given + group.load / 2 > share) break;
      group.place = id;
      given += group.load;
    }
    left -= given;
  }
}

/** How much of a load the first of some workers gets, so that all come to the same level. */
function firstShare(workers: readonly Loaded[], load: number): number {
  let level = 0;
  let sum = load;
  for (const [index, [, own]] of workers.entries()) {
    sum += own;
    level = sum / (index + 1);
    if (level <= (workers[index + 1]?.[1] ?? Number.POSITIVE_INFINITY)) break;
  }
  return level - workers[0]![1];
}

function checkPlacement(
  tasks: readonly PlacingTask[],
  workers: readonly PlacingWorker[],
  placement: ReadonlyMap<number, string>,
): void {
  if (placement.size === 0) return;
  const pids = new Set(tasks.map(({ pid }) => pid));
  const ids = new Set(workers.map(({ id }) => id));
  for (const [pid, worker] of placement) {
    if (!pids.has(pid))
      throw new CkptError('EINVAL', `the placement names task ${pid}, which is not in the tree`, { pid });
    if (!ids.has(worker))
      throw new CkptError(
        'EINVAL',
        // Which task was meant has other pids by now, if those of the spec were taken.
        `the placement names worker ${worker}, which is not there`,
        { worker },
      );
  }
}
