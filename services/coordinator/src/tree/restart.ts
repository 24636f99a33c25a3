import { CkptError } from '@ckptree/errors';
import { readTree } from '@ckptree/image';
import type { StoredPages, TaskTree } from '@ckptree/model';
import { type coordinator, interruptible, type ReplyOf, type RequestOf } from '@ckptree/protocol';
import { placeImage, workersOf } from '@ckptree/restart';
import { tellAll } from '../cluster/fan-out.js';
import { livingRows } from './living-rows.js';
import { placementMap, placingWorker, told } from './spawn.js';
import { startRecorded } from './start-recorded.js';
import type { StartedBy, TreeParts } from './tree-parts.js';
import { newTreeId } from './trees.js';

type Restart = (typeof coordinator)['restart']['definition'];

/** Starts a tree again from a checkpoint, on any workers. @throws as the handlers of `coordinator.restart` */
export async function restart(
  parts: TreeParts,
  request: RequestOf<Restart>,
  startedBy: StartedBy,
): Promise<ReplyOf<Restart>> {
  const { checkpoint } = request;
  // Storage that does not answer holds up nobody who leads no longer.
  const image = await interruptible(
    imageOf(parts, checkpoint),
    startedBy.signal,
    `reading checkpoint ${checkpoint}`,
  );
  const choose = async (starting: ReadonlySet<number>) => {
    const wanted = new Set(image.tasks.map(({ pid }) => pid));
    const pid = [...wanted].find((one) => starting.has(one));
    if (pid !== undefined)
      throw new CkptError('EEXIST', `pid ${pid} is taken by a task of a tree that is being started`, { pid });
    await makeRoom(parts, wanted, startedBy.signal);
    return { chosen: image, pids: wanted };
  };
  return parts.startingPids.during(choose, (tree) => start(parts, tree, request, startedBy));
}

async function imageOf({ store }: TreeParts, checkpoint: string): Promise<TaskTree<StoredPages>> {
  const source = await (await store()).source(checkpoint);
  return (await readTree(source.withoutPages())).tree;
}

async function start(
  parts: TreeParts,
  image: TaskTree<StoredPages>,
  { checkpoint, on, placement = {}, frozen = false, name, labels }: RequestOf<Restart>,
  { key, signal }: StartedBy,
): Promise<ReplyOf<Restart>> {
  const { workers, events } = parts;
  const where = on === undefined ? workers.serving() : [workers.get(on)];
  const placed = placeImage(image, {
    workers: where.map(placingWorker),
    placement: placementMap(placement),
  });
  for (const id of workersOf(placed, image.tasks.length)) workers.give(id, 1);
  const tree = newTreeId();
  const { rootPid } = image;
  const record = {
    version: 1 as const,
    tree,
    rootPid,
    created: new Date().toISOString(),
    checkpoint,
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels }),
    ...(key !== undefined && { key }),
    workers: placed.workers,
  };
  const loads = new Map(placed.workers.map((id) => [id, placed]));
  const tasks = await startRecorded(parts, record, { parts: loads, checkpoint, frozen, signal });
  const event = { ...told(record), checkpoint, tasks, workers: placed.workers, frozen };
  events.tell({ type: 'restarted', ...event }, `${tree}.restarted`);
  return { tree, rootPid, tasks, workers: placed.workers };
}

/**
 * What is left of a tree that lost a worker cannot go on: it gives way to its own restart. A whole tree does not.
 * @throws EEXIST a pid is taken
 */
async function makeRoom(parts: TreeParts, wanted: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
  const { connection, trees, table } = parts;
  const taken = (await livingRows(parts, signal)).filter(({ pid }) => wanted.has(pid));
  const broken = new Set<string>();
  for (const { pid, tree } of taken) {
    if ((trees.get(tree).lost ?? []).length === 0)
      throw new CkptError('EEXIST', `pid ${pid} is taken by a task of tree ${tree}; kill that tree first`, {
        pid,
      });
    broken.add(tree);
  }
  for (const tree of broken) {
    const { rootPid } = trees.get(tree);
    const body = { tree, roots: [rootPid], signal: 'kill' as const };
    await tellAll(connection, table.workersOf(tree), 'signal', () => body, { signal });
    await tellAll(connection, table.workersOf(tree), 'disown', () => ({ tree, parents: [rootPid] }), {
      signal,
    });
  }
}
