import { CkptError } from '@ckptree/errors';
import {
  type PlacingWorker,
  parseSpec,
  placementLoad,
  placeSpawn,
  type SpawnTree,
  splitTree,
} from '@ckptree/kernel';
import type { coordinator, ReplyOf, RequestOf, WorkerRecord } from '@ckptree/protocol';
import { livingRows } from './living-rows.js';
import { startRecorded } from './start-recorded.js';
import type { StartedBy, TreeParts } from './tree-parts.js';
import { newTreeId } from './trees.js';

type Spawn = (typeof coordinator)['spawn']['definition'];

/** Starts a tree of tasks, spread over the workers. @throws as the handlers of `coordinator.spawn` */
export async function spawn(
  parts: TreeParts,
  request: RequestOf<Spawn>,
  startedBy: StartedBy,
): Promise<ReplyOf<Spawn>> {
  const { spec, baseFolder = '/' } = request;
  const choose = async (starting: ReadonlySet<number>) => {
    const living = (await livingRows(parts, startedBy.signal)).map(({ pid }) => pid);
    const trees = freePids(spec, baseFolder, new Set([...living, ...starting]));
    return { chosen: trees, pids: trees.spawned.tasks.map(({ pid }) => pid) };
  };
  return parts.startingPids.during(choose, (trees) => start(parts, trees, request, startedBy));
}

async function start(
  parts: TreeParts,
  { asked, spawned }: FreePids,
  { placement = {}, name, labels }: RequestOf<Spawn>,
  { key, signal }: StartedBy,
): Promise<ReplyOf<Spawn>> {
  const { workers, events } = parts;
  const workerOf = placeSpawn(spawned, {
    workers: workers.serving().map(placingWorker),
    placement: renumbered(placementMap(placement), asked, spawned),
  });
  const tree = newTreeId();
  const rootPid = spawned.tasks[0]!.pid;
  const split = splitTree(spawned, { treeId: tree, workerOf: (pid) => workerOf.get(pid)! });
  const ids = [...split.keys()];
  for (const id of workerOf.values()) workers.give(id, 1);
  const record = {
    version: 1 as const,
    tree,
    rootPid,
    created: new Date().toISOString(),
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels }),
    ...(key !== undefined && { key }),
    workers: ids,
  };
  const tasks = await startRecorded(parts, record, { parts: split, signal });
  events.tell({ type: 'spawned', ...told(record), tasks, workers: ids }, `${tree}.spawned`);
  return { tree, rootPid, tasks, workers: ids };
}

/** What events say of a tree. */
export const told = ({
  tree,
  rootPid,
  name,
  labels,
}: {
  readonly tree: string;
  readonly rootPid: number;
  readonly name?: string;
  readonly labels?: Record<string, string>;
}) => ({
  tree,
  rootPid,
  ...(name !== undefined && { name }),
  ...(labels !== undefined && { labels }),
});

export const placingWorker = ({ worker, load }: WorkerRecord): PlacingWorker => ({
  id: worker,
  load: placementLoad(load),
});

export const placementMap = (placement: Readonly<Record<string, string>>): ReadonlyMap<number, string> =>
  new Map(Object.entries(placement).map(([pid, worker]) => [Number(pid), worker]));

/**
 * A placement names the pids of the spec, whatever they have become.
 * @throws EINVAL it names one that is not in the spec: as it stands it may be that of some other task by now
 */
function renumbered(
  placement: ReadonlyMap<number, string>,
  asked: SpawnTree,
  spawned: SpawnTree,
): ReadonlyMap<number, string> {
  const pidOf = new Map(asked.tasks.map(({ pid }, place) => [pid, spawned.tasks[place]!.pid]));
  return new Map(
    [...placement].map(([pid, worker]) => {
      const own = pidOf.get(pid);
      if (own === undefined)
        throw new CkptError('EINVAL', `the placement names task ${pid}, which is not in the tree`, { pid });
      return [own, worker];
    }),
  );
}

/** The tree of a spec, as it says, and with pids that nobody has. */
interface FreePids {
  readonly asked: SpawnTree;
  readonly spawned: SpawnTree;
}

/**
 * A spec that names the pid of its root gets what it asks for, or nothing;
 * the tasks of another one are numbered from the first pid on from which they all are free.
 */
function freePids(
  spec: Readonly<Record<string, unknown>>,
  baseFolder: string,
  taken: ReadonlySet<number>,
): FreePids {
  const { tree: asked } = parseSpec(spec, { baseFolder });
  const conflict = asked.tasks.find(({ pid }) => taken.has(pid));
  if (conflict === undefined) return { asked, spawned: asked };
  const root = spec.root as Readonly<Record<string, unknown>>;
  if (root.pid !== undefined)
    throw new CkptError('EEXIST', `pid ${conflict.pid} is taken; \`ckptree ps\` shows by whom`, {
      pid: conflict.pid,
    });
  const first = highest(taken) + 1;
  const moved = parseSpec({ ...spec, root: { ...root, pid: first } }, { baseFolder }).tree;
  const still = moved.tasks.find(({ pid }) => taken.has(pid));
  if (still === undefined) return { asked, spawned: moved };
  throw new CkptError('EEXIST', `pid ${still.pid}, which the spec names, is taken`, { pid: still.pid });
}

function highest(pids: ReadonlySet<number>): number {
  let top = 0;
  for (const pid of pids) if (pid > top) top = pid;
  return top;
}
