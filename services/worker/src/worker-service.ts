import type { StoreAccess } from '@ckptree/carrier';
import { checkAssignment } from '@ckptree/checkpoint';
import { CkptError, errorFromData } from '@ckptree/errors';
import { type Kernel, SpawnForest } from '@ckptree/kernel';
import {
  type DocumentShelf,
  type Handlers,
  pageByPid,
  type TaskRow,
  validated,
  type worker,
} from '@ckptree/protocol';
import { Placement } from '@ckptree/restart';
import type { HeldCheckpoints } from './held-checkpoints.js';
import type { HostedTree } from './hosted-tree.js';
import type { HostedTrees } from './hosted-trees.js';
import { loadCheckpoint } from './load-tree.js';
import { pageOf } from './page-of.js';

type Endpoints = Omit<ReturnType<typeof worker>, 'document' | 'page'>;
/** What a worker answers, by verb. */
export type WorkerHandlers = Handlers<Endpoints>;

export interface WorkerParts {
  readonly worker: string;
  readonly kernel: Kernel;
  readonly trees: HostedTrees;
  readonly checkpoints: HeldCheckpoints;
  readonly store: StoreAccess;
  readonly shelf: DocumentShelf;
}

/**
 * Everything that a worker does for the coordinator. Each request may come again: its answer may have been lost, or another
 * coordinator leads by now.
 */
export function workerHandlers(parts: WorkerParts): WorkerHandlers {
  return { ...treeHandlers(parts), ...checkpointHandlers(parts), ...taskHandlers(parts) };
}

/** Trees come, and go. */
function treeHandlers({ worker, kernel, trees, checkpoints, store, shelf }: WorkerParts) {
  return {
    spawn: async ({ tree, rootPid, part }) => {
      const forest = validated(SpawnForest, await shelf.take(part), 'the part of the tree');
      const hosted = trees.load(tree, rootPid, () => kernel.loadSpawned(forest));
      await hosted.loaded;
      await throwFailure(trees, hosted);
      return { tasks: hosted.tasks };
    },
    restore: async ({ tree, rootPid, checkpoint, part }) => {
      const placement = validated(Placement, await shelf.take(part), 'the placement of the tree');
      trees.load(tree, rootPid, async (hosted) =>
        loadCheckpoint(kernel, await store.store(), hosted, { worker, checkpoint, placement }),
      );
      return {};
    },
    start: async ({ tree, frozen, record }) => {
      const hosted = trees.get(tree);
      hosted.start(frozen ?? false, record);
      return { tasks: hosted.tasks };
    },
    abandon: async ({ tree }) => {
      await trees.abandon(tree);
      return {};
    },
    disown: async ({ parents }) => ({ gone: (await kernel.disown({ parents })).gone.length }),
    setparent: async ({ parents }) => {
      for (const { pid, ppid } of parents) await kernel.setParent(pid, ppid);
      return { changed: parents.length };
    },
    held: async ({ after, limit }) => {
      const records = trees.living.flatMap(({ record }) => record ?? []);
      const { items, next } = pageOf(records, { after, limit });
      const underWay = checkpoints.all.map(({ checkpoint, pid, tree }) => ({ checkpoint, pid, tree }));
      return { trees: items, loaded: trees.loaded, checkpoints: underWay, ...next };
    },
  } satisfies Partial<WorkerHandlers>;
}

/** Checkpoints, step by step. */
function checkpointHandlers({ trees, checkpoints, shelf }: WorkerParts) {
  return {
    prepare: async ({ tree, ...request }) => {
      const { cut } = await checkpoints.prepare(trees.get(tree), request);
      return { tasks: cut.tasks, ...cut.timing };
    },
    resume: async ({ checkpoint }) => {
      const { stoodStillUs, leaseEnded } = checkpoints.get(checkpoint).resume();
      return { downtimeUs: stoodStillUs, expired: leaseEnded };
    },
    abort: async ({ checkpoint }) => {
      await checkpoints.release(checkpoint);
      return {};
    },
    describe: async ({ checkpoint }) => {
      const skeleton = await checkpoints.get(checkpoint).describe();
      return { tasks: skeleton.tasks.pid.length, skeleton: await shelf.offer(skeleton) };
    },
    dump: async ({ checkpoint, parent, assignment }) => {
      const checked = checkAssignment(await shelf.take(assignment));
      checkpoints.get(checkpoint).dump(checked, parent);
      return { segments: checked.segments.length };
    },
    status: async ({ checkpoint, tree, waitMs = 0 }) => {
      if (checkpoint !== undefined) return checkpointStatus(checkpoints, checkpoint, waitMs);
      if (tree !== undefined) return loadStatus(trees, tree, waitMs);
      throw new CkptError('EINVAL', 'the status of what? name a checkpoint or a tree', {
        field: '/checkpoint',
      });
    },
    result: async ({ checkpoint }) => {
      const { stored, logicalBytes } = checkpoints.get(checkpoint).sealed;
      return {
        logicalBytes,
        newBytes: stored.added.new,
        storedBytes: stored.added.stored,
        stored: await shelf.offer(stored),
      };
    },
    release: async ({ checkpoint }) => {
      await checkpoints.release(checkpoint);
      return {};
    },
  } satisfies Partial<WorkerHandlers>;
}

/** Tasks that run. */
function taskHandlers({ worker, kernel, trees }: WorkerParts) {
  return {
    signal: async ({ tree, roots, signal }) => {
      const { rootPid } = trees.get(tree);
      const pids = roots.includes(rootPid) ? kernel.fragments(rootPid).map(({ pid }) => pid) : roots;
      const tasks = kernel.countBelow(pids);
      // Other workers host what is asked for.
      if (tasks === 0) return { tasks };
      if (signal === 'freeze') await kernel.freeze(pids);
      else if (signal === 'thaw') await kernel.thaw(pids);
      else await kernel.kill(pids);
      return { tasks };
    },
    fragments: async ({ tree }) => {
      const fragments = kernel.fragments(trees.get(tree).rootPid);
      return {
        tasks: fragments.reduce((sum, { tasks }) => sum + tasks, 0),
        roots: fragments.map(({ pid, ppid }) => ({ pid, ppid })),
      };
    },
    living: async ({ tree, pids }) => {
      const { rootPid } = trees.get(tree);
      const asked = new Set(pids);
      const living = kernel
        .ps()
        .filter((row) => row.rootPid === rootPid && row.state !== 'zombie' && asked.has(row.pid));
      return { pids: living.map(({ pid }) => pid) };
    },
    ps: async ({ tree, pid, after, limit }) => {
      const root = tree === undefined ? undefined : trees.find(tree)?.rootPid;
      const rows = kernel
        .ps()
        .filter(
          (row) => (tree === undefined || row.rootPid === root) && (pid === undefined || row.pid === pid),
        )
        .flatMap(({ rootPid, cpu: _, ...row }): TaskRow[] => {
          const hosted = trees.ofTask(rootPid);
          return hosted === undefined ? [] : [{ ...row, tree: hosted.tree, worker }];
        });
      const page = pageByPid(rows, { after, limit });
      return { tasks: page.rows, ...(page.next !== undefined && { next: page.next }) };
    },
    ends: async ({ tree, after, limit }) => {
      const hosted = trees.get(tree);
      const running = trees.running(hosted);
      // A task neither runs nor has ended until its end is told.
      await kernel.exitsTold();
      const { items, next } = pageOf(hosted.ends, { after, limit });
      return { ends: items, running, ...next };
    },
  } satisfies Partial<WorkerHandlers>;
}

/** A load that failed leaves nothing behind: it may be asked for again. */
async function throwFailure(trees: HostedTrees, hosted: HostedTree): Promise<void> {
  if (hosted.failure === undefined) return;
  await trees.abandon(hosted.tree);
  throw errorFromData(hosted.failure);
}

async function checkpointStatus(checkpoints: HeldCheckpoints, checkpoint: string, waitMs: number) {
  const held = checkpoints.find(checkpoint);
  if (held === undefined) return { state: 'unknown' as const };
  await held.waitForNews(waitMs);
  const { bytes, totalBytes, mms } = held.progress;
  return {
    state: held.state,
    bytes,
    totalBytes,
    mms: [...mms],
    ...(held.failure !== undefined && { error: held.failure }),
  };
}

async function loadStatus(trees: HostedTrees, tree: string, waitMs: number) {
  const hosted = trees.find(tree);
  if (hosted === undefined) return { state: 'unknown' as const };
  if (hosted.state === 'loading') await Promise.race([hosted.loaded, pause(waitMs)]);
  const { state, loading, failure } = hosted;
  return { state, ...loading, ...(failure !== undefined && { error: failure }) };
}

const pause = (waitMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, waitMs));
