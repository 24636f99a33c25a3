import { asCkptError, CkptError, isCkptError } from '@ckptree/errors';
import {
  type CheckpointFigures,
  type Connection,
  isUnanswered,
  type RequestOf,
  retrying,
  type worker,
} from '@ckptree/protocol';
import { ask, isUnreachable, onAll, tellAll } from '../cluster/fan-out.js';
import { signalTasks } from '../tree/signal-tasks.js';
import type { StepParts, Underway } from './step-parts.js';
import { eventId, ofCheckpoint } from './tell.js';

type PrepareRequest = RequestOf<ReturnType<typeof worker>['prepare']['definition']>;

/** Letting tasks go on takes no time; an answer that is later than this may have been lost. */
const ATTEMPT_MS = 5_000;
/** So often a worker is asked within the lease. */
const PREPARE_ATTEMPTS = 4;

/**
 * Takes the cut: every worker with a part of the tree freezes and snapshots it, and when all have answered within the lease
 * (counted from before the first was asked: theirs began later, so that all of them still stood still) their tasks go on.
 * @throws ESRCH no such task; EBUSY another checkpoint stands in the way; ETIMEDOUT the tasks did not stop within the
 *   lease; EPIPE a worker is gone. The tasks run then, as far as their workers are there
 */
export async function prepare(parts: StepParts, { keeper, signal }: Underway): Promise<void> {
  const { connection, table, events, limits } = parts;
  const { checkpoint, request } = keeper.record;
  const located = await table.locate(request.pid);
  checkWhole(parts, located.tree);
  const { tree, rootPid } = located;
  const workers = [...located.workers];
  await keeper.change({ state: 'preparing', tree, rootPid, workers });
  const leaseMs = request.leaseMs ?? limits.leaseMs;
  try {
    // Of everything that belongs to the tree: which tasks are below the one that is saved is known when all stand still.
    const body = { checkpoint, pid: request.pid, tree, roots: [rootPid], leaseMs };
    const { figures, downtimeUs } = await parts.workers.whileAlive(workers, signal, async (signal) => {
      const lease = { startedAt: performance.now(), leaseMs };
      const figures = await cut(connection, workers, { body, lease, signal });
      if (request.leaveFrozen === true) await leaveFrozen(parts, { keeper, figures, lease, signal });
      const resumed = await resume(connection, workers, { checkpoint, timeoutMs: limits.describeMs, signal });
      return { figures, downtimeUs: most(resumed, ({ downtimeUs }) => downtimeUs) };
    });
    const whole = { ...figures, downtimeUs };
    await keeper.change({ state: 'dumping', figures: whole });
    const { record } = keeper;
    events.tell({ type: 'prepared', ...ofCheckpoint(record), workers, figures }, eventId(record, 'prepared'));
    events.tell({ type: 'resumed', ...ofCheckpoint(record), figures: whole }, eventId(record, 'resumed'));
  } catch (error) {
    await tellAll(connection, workers, 'abort', () => ({ checkpoint }));
    throw lostWorker(error);
  }
}

/** How long the tasks stand still at most, in milliseconds, and since when, by performance.now(). */
interface Lease {
  readonly startedAt: number;
  readonly leaseMs: number;
}

/** Has all workers stop their tasks. @returns figures of the cut, which is there */
async function cut(
  connection: Connection,
  workers: readonly string[],
  {
    body,
    lease,
    signal,
  }: { readonly body: PrepareRequest; readonly lease: Lease; readonly signal: AbortSignal },
) {
  const deadline = lease.startedAt + lease.leaseMs;
  const prepared = await onAll(workers, (id) => prepareOn(connection, id, { body, deadline, signal }));
  return {
    workers: workers.length,
    tasks: sum(prepared, ({ tasks }) => tasks),
    freezeUs: most(prepared, ({ freezeUs }) => freezeUs),
    snapshotUs: most(prepared, ({ snapshotUs }) => snapshotUs),
    prepareMs: tookWithin(lease),
  };
}

/**
 * Freezes the tasks that are saved, and no others, before they are let go: none of them runs from the cut on. That it may have done so
 * stands in the record before: if the checkpoint fails, whoever concludes it lets them run.
 */
async function leaveFrozen(
  parts: StepParts,
  {
    keeper,
    figures,
    lease,
    signal,
  }: Pick<Underway, 'keeper' | 'signal'> & { readonly figures: CheckpointFigures; readonly lease: Lease },
): Promise<void> {
  await keeper.change({ figures });
  await signalTasks(parts, keeper.record.request.pid, 'freeze', { signal });
  tookWithin(lease);
}

/** The cut is there: a worker that does not say at once that its tasks go on is asked again. */
function resume(
  connection: Connection,
  workers: readonly string[],
  {
    checkpoint,
    timeoutMs,
    signal,
  }: { readonly checkpoint: string; readonly timeoutMs: number; readonly signal: AbortSignal },
) {
  return Promise.all(
    workers.map((id) =>
      retrying(connection, { timeoutMs, signal }, (leftMs) => {
        const options = { timeoutMs: Math.min(ATTEMPT_MS, leftMs), signal };
        return ask(connection, id, 'resume', { checkpoint }, options);
      }),
    ),
  );
}

/** @returns milliseconds @throws ETIMEDOUT the lease is over: some of the tasks may run */
function tookWithin({ startedAt, leaseMs }: Lease): number {
  const tookMs = performance.now() - startedAt;
  if (tookMs <= leaseMs) return tookMs;
  throw new CkptError(
    'ETIMEDOUT',
    `the workers took ${Math.round(tookMs)} ms to stop the tasks; the lease is ${leaseMs} ms`,
  );
}

/**
 * Has one worker stop its tasks. An answer may be lost on its way: whoever asks again is told of the same cut. A worker that is not
 * there is not waited for, as the tasks of the others stand still.
 * @throws what it answers; EAGAIN it is not there; ETIMEDOUT no answer within the lease
 */
async function prepareOn(
  connection: Connection,
  id: string,
  {
    body,
    deadline,
    signal,
  }: { readonly body: PrepareRequest; readonly deadline: number; readonly signal: AbortSignal },
) {
  const { leaseMs } = body;
  for (;;) {
    const leftMs = deadline - performance.now();
    const timeoutMs = Math.max(Math.min(leaseMs / PREPARE_ATTEMPTS, leftMs), 1);
    try {
      return await ask(connection, id, 'prepare', body, { timeoutMs, signal });
    } catch (error) {
      if (!isCkptError(error) || !isUnanswered(error)) throw error;
      if (performance.now() < deadline) continue;
      const late = `worker ${id} did not stop its tasks within the lease of ${leaseMs} ms`;
      throw new CkptError('ETIMEDOUT', late, { worker: id }, error);
    }
  }
}

/** @throws EPIPE a part of the tree is gone with its worker */
function checkWhole({ trees, workers }: StepParts, tree: string): void {
  const { workers: placed, lost = [] } = trees.get(tree);
  const gone = lost[0] ?? placed.find((id) => !workers.isAlive(id));
  if (gone !== undefined)
    throw new CkptError('EPIPE', `worker ${gone}, which hosts a part of tree ${tree}, is gone`, {
      worker: gone,
    });
}

/** A worker that does not answer while tasks stand still is as good as gone. */
function lostWorker(error: unknown): CkptError {
  const known = asCkptError(error);
  const { worker } = known.fields;
  if (worker === undefined || !isUnreachable(known) || known.code === 'ETIMEDOUT') return known;
  return new CkptError(
    'EPIPE',
    `worker ${worker}, which hosts a part of the tree, is gone`,
    known.fields,
    known,
  );
}

const sum = <T>(values: Iterable<T>, of: (value: T) => number): number =>
  [...values].reduce((total, value) => total + of(value), 0);

const most = <T>(values: Iterable<T>, of: (value: T) => number): number =>
  Math.max(0, ...[...values].map(of));
