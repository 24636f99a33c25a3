import { CkptError } from '@ckptree/errors';
import {
  type CheckpointRecord,
  type coordinator,
  type Handlers,
  interruptible,
  pageByPid,
} from '@ckptree/protocol';
import type { Checkpoints } from './checkpoint/checkpoints.js';
import type { Retention } from './retention.js';
import type { Schedules } from './schedules.js';
import { KeyedStarts } from './tree/keyed-starts.js';
import type { Listing } from './tree/process-table.js';
import { restart } from './tree/restart.js';
import { signalTasks } from './tree/signal-tasks.js';
import { spawn } from './tree/spawn.js';
import type { TreeParts } from './tree/tree-parts.js';

export type CoordinatorHandlers = Handlers<typeof coordinator>;

export interface HandlerParts extends TreeParts {
  readonly checkpoints: Checkpoints;
  readonly schedules: Schedules;
  readonly retention: Retention;
  /** Raised when this coordinator leads no longer. */
  readonly signal: AbortSignal;
}

/** Checkpoints that are told of at once. */
const NEWEST = 1_000;

/** Everything that the coordinator which leads does for clients. */
export function coordinatorHandlers(parts: HandlerParts): CoordinatorHandlers {
  const { table, workers, checkpoints, schedules, retention, signal } = parts;
  const starts = new KeyedStarts(parts.trees);
  return {
    spawn: (request) => starts.once(request.key, 'spawn', (key) => spawn(parts, request, { key, signal })),
    restart: (request) =>
      starts.once(request.key, 'restart', (key) => restart(parts, request, { key, signal })),
    ps: async ({ tree, pid, ...page }) => {
      if (pid !== undefined) {
        const { rows, ...rest } = pageOf(await table.subtree(pid), page);
        return { tasks: rows, ...rest };
      }
      const { rows, missing, next } = await table.page(tree === undefined ? {} : { tree }, page);
      return {
        tasks: rows,
        ...(next !== undefined && { next }),
        ...(missing.length > 0 && { missing }),
      };
    },
    signal: async ({ pid, signal: what }) => ({ tasks: await signalTasks(parts, pid, what, { signal }) }),
    cancel: async ({ checkpoint }) => ({ state: await checkpoints.cancel(checkpoint) }),
    checkpoints: async ({ checkpoint, active }) => {
      const records = await checkpoints.list({
        ...(checkpoint !== undefined && { checkpoint }),
        ...(active !== undefined && { active }),
      });
      return { checkpoints: records.slice(0, NEWEST).map(summary) };
    },
    ends: async ({ tree, ...page }) => {
      const listing = await table.ends(tree);
      const { running, lost } = listing;
      const { rows, ...rest } = pageOf(listing, page);
      return { ends: rows, running, ...(lost.length > 0 && { lost }), ...rest };
    },
    workers: async () => ({ workers: workers.list() }),
    schedule: (request) => schedules.put(request),
    unschedule: async ({ schedule }) => {
      await schedules.remove(schedule);
      return {};
    },
    schedules: async () => ({ schedules: schedules.list() }),
    retention: async ({ action, policy, dryRun = false }) => {
      if (action === 'set') {
        if (policy === undefined)
          throw new CkptError('EINVAL', 'which policy is to be set? say it', { field: '/policy' });
        await retention.set(policy);
      }
      const forgotten =
        action === 'apply'
          ? await interruptible(retention.apply(dryRun), signal, 'applying the retention policy')
          : undefined;
      return {
        policy: retention.policy,
        ...(forgotten !== undefined && { forgotten }),
        ...retention.lastRun,
      };
    },
  };
}

function pageOf<Row extends { readonly pid: number }>(
  { rows: all, missing }: Listing<Row>,
  asked: Parameters<typeof pageByPid>[1],
): { readonly rows: Row[]; readonly next?: number; readonly missing?: string[] } {
  const { rows, next } = pageByPid(all, asked);
  return { rows, ...(next !== undefined && { next }), ...(missing.length > 0 && { missing }) };
}

const summary = ({
  checkpoint,
  state,
  request,
  tree,
  workers,
  created,
  updated,
  figures,
  error,
}: CheckpointRecord) => ({
  checkpoint,
  state,
  pid: request.pid,
  ...(tree !== undefined && { tree }),
  ...(request.name !== undefined && { name: request.name }),
  ...(request.labels !== undefined && { labels: request.labels }),
  ...(workers !== undefined && { workers }),
  requested: created,
  ...(['completed', 'failed', 'cancelled'].includes(state) && { ended: updated }),
  ...(figures !== undefined && { figures }),
  ...(error !== undefined && { error }),
});
