import { CkptError } from '@ckptree/errors';
import { EXIT_ZOMBIE } from '@ckptree/model';
import { checkContained, collect } from '../collect.js';
import type { Debug } from '../debug.js';
import { type CollectedTask, newMergedHash } from '../objects.js';
import type { PlanFigures } from '../plan.js';
import { assign } from './assign.js';
import type { MergedTask, MergedTree } from './merged-tree.js';
import { SharedObjects } from './shared-objects.js';
import type { Skeleton } from './skeleton.js';
import { orderTasks, type PartTask } from './task-order.js';

export interface MergeOptions {
  /** The task that is saved, with all below it; of a thread, its whole group. */
  readonly pid: number;
  /** The root of the whole tree. */
  readonly rootPid: number;
  /** Nothing in the tree may be used from outside. To be sure of it, ask every worker that hosts a part of the tree. */
  readonly container?: boolean;
  /** Who was asked: each must have answered. */
  readonly workers?: readonly string[];
  readonly debug?: Debug;
}

/**
 * Puts the parts of a cut together: finds out which tasks belong to the tree, numbers the objects of all, and says who
 * writes what. Fails where a checkpoint on one machine would.
 * @throws EPIPE a worker's part is missing; ESRCH the task is in no part; EEXIST a pid is in two parts; EBUSY copies of a
 *   descriptor table differ, or (container) something is used from outside
 */
export function merge(
  skeletons: readonly Skeleton[],
  { pid, rootPid, container = false, workers = [], debug = {} }: MergeOptions,
): MergedTree {
  // The same parts give the same image, in whatever order they came in.
  const parts = skeletons.toSorted((one, other) => (one.worker < other.worker ? -1 : 1));
  checkComplete(parts, workers);
  const order = orderTasks(parts, { pid, rootPid });
  const objects = new SharedObjects(parts, reachedTables(parts, order));
  const hash = newMergedHash();
  const defined = collect({ tasks: order.map((task) => collected(parts, objects, task)) }, hash, debug);
  if (container) checkContained(hash);
  const assigned = assign(parts, order, { objects, hash, subtree: !container });
  return {
    rootPid: parts[order[0]!.part]!.tasks.pid[order[0]!.index]!,
    subtree: !container,
    tasks: order.map((task) => merged(parts, task)),
    segments: assigned.segments,
    assignments: assigned.assignments,
    figures: { tasks: order.length, ...figuresOf(parts, { defined, objects, hash }) },
  };
}

function checkComplete(parts: readonly Skeleton[], workers: readonly string[]): void {
  const there = new Set<string>();
  for (const { worker } of parts) {
    if (there.has(worker))
      throw new CkptError('EEXIST', `there are two parts of worker ${worker}`, { worker });
    there.add(worker);
  }
  const missing = workers.find((worker) => !there.has(worker));
  if (missing !== undefined)
    throw new CkptError('EPIPE', `the part of the tree on worker ${missing} is missing: it was lost`, {
      worker: missing,
    });
}

function reachedTables(
  parts: readonly Skeleton[],
  order: readonly PartTask[],
): (part: number, table: number) => boolean {
  const reached = parts.map(({ tables }) => new Uint8Array(tables.users.length));
  for (const { part, index } of order) {
    const table = parts[part]!.tasks.table[index]!;
    if (table >= 0) reached[part]![table] = 1;
  }
  return (part, table) => reached[part]![table] === 1;
}

function collected(
  parts: readonly Skeleton[],
  objects: SharedObjects,
  { part, index, zombie }: PartTask,
): CollectedTask {
  const { tasks, comms } = parts[part]!;
  const files = objects.table(part, tasks.table[index]!);
  const mm = objects.mm(part, tasks.mm[index]!);
  return {
    pid: tasks.pid[index]!,
    comm: comms[tasks.comm[index]!]!,
    exitState: zombie ? EXIT_ZOMBIE : 0,
    ...(files !== undefined && { files }),
    ...(mm !== undefined && { mm }),
  };
}

function merged(parts: readonly Skeleton[], { part, index, ppid, zombie }: PartTask): MergedTask {
  const { tasks, comms, worker } = parts[part]!;
  const pid = tasks.pid[index]!;
  return {
    pid,
    ppid,
    tgid: tasks.tgid[index]! || pid,
    pgid: tasks.pgid[index]!,
    sid: tasks.sid[index]!,
    comm: comms[tasks.comm[index]!]!,
    worker,
    zombie,
  };
}

/** @param defined objects of all types that the image defines */
function figuresOf(
  parts: readonly Skeleton[],
  {
    defined,
    objects,
    hash,
  }: { defined: number; objects: SharedObjects; hash: ReturnType<typeof newMergedHash> },
): Omit<PlanFigures, 'tasks'> {
  const [tables, mms] = [new Set<object>(), new Set<object>()];
  let pages = 0;
  for (const [part, { tables: partTables, mms: partMms }] of parts.entries()) {
    for (let number = 0; number < partTables.users.length; number++) {
      const table = objects.knownTable(part, number);
      // Of those that several workers have, some may belong to tasks alone that are not saved.
      if (table !== undefined && hash.lookup(table) !== undefined) tables.add(table);
    }
    for (let number = 0; number < partMms.users.length; number++) {
      const mm = objects.knownMm(part, number);
      if (mm === undefined) continue;
      mms.add(mm);
      pages += partMms.pages[number]!;
    }
  }
  return { mms: mms.size, files: defined - tables.size - mms.size, pages };
}
