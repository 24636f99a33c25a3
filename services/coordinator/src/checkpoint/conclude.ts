import { isCkptError } from '@ckptree/errors';
import { type CheckpointRecord, interruptible, retrying, type Signal } from '@ckptree/protocol';
import { ask } from '../cluster/fan-out.js';
import { signalTasks } from '../tree/signal-tasks.js';
import type { RecordKeeper } from './record-keeper.js';
import type { StepParts, Underway } from './step-parts.js';
import { eventId, ofCheckpoint } from './tell.js';

/** A worker that lives is told again to let go when it has not answered for so long, and for so long in all. */
const [RELEASE_ATTEMPT_MS, RELEASE_MS] = [5_000, 30_000];
/** The same when it is told to end its tasks, or to let them run. */
const SIGNAL_MS = 30_000;

/**
 * The last of a checkpoint that is over. One that has failed is taken out of the store and leaves no task frozen, and a tree that was
 * to be stopped is killed, before its last event is told: whoever hears of it finds nothing listed, and the tasks running, or their
 * pids free. Until the event is told and the workers are let go, and that is noted, it may be done again, also by whoever leads next.
 * @throws what the store throws when it cannot take the manifest out: nothing is told then
 */
export async function conclude(
  parts: StepParts,
  { keeper, term }: Pick<Underway, 'keeper' | 'term'>,
): Promise<void> {
  if (keeper.record.announced === true) return;
  await interruptible(takeBack(parts, keeper), term, `taking back checkpoint ${keeper.record.checkpoint}`);
  try {
    await signalTree(parts, keeper, term);
  } finally {
    await Promise.all([announce(parts, keeper), release(parts, keeper, term)]);
    await keeper.change({ announced: true });
  }
}

/** That it has failed stands in its record, so that nobody completes it any more; but it may have a manifest from before. */
async function takeBack({ store }: StepParts, { record }: RecordKeeper): Promise<void> {
  // The duration is noted for the manifest.
  if (record.state !== 'failed' || record.durationMs === undefined) return;
  try {
    await (await store()).forget([record.checkpoint]);
  } catch (error) {
    if (!isCkptError(error) || error.code !== 'ENOENT') throw error;
  }
}

/** Ends the tasks of a checkpoint that was to stop them; lets those run again that one which failed was to leave frozen. */
async function signalTree(parts: StepParts, { record }: RecordKeeper, term: AbortSignal): Promise<void> {
  const { request, tree } = record;
  const what = signalFor(record);
  if (what === undefined || tree === undefined) return;
  await retrying(parts.connection, { timeoutMs: SIGNAL_MS, signal: term }, async () => {
    // Its pids may be those of its own restart by now.
    const running = parts.trees.find(tree) !== undefined && (await treeOf(parts, request.pid)) === tree;
    if (running) await signalTasks(parts, request.pid, what, { signal: term });
  });
}

function signalFor({ state, request, figures }: CheckpointRecord): Signal | undefined {
  if (state === 'completed') return request.stop === true ? 'kill' : undefined;
  // Before all stood still none was frozen: see prepare().
  return request.leaveFrozen === true && figures?.prepareMs !== undefined ? 'thaw' : undefined;
}

/** The tree that a task belongs to, if it runs. */
async function treeOf({ table }: StepParts, pid: number): Promise<string | undefined> {
  try {
    return (await table.locate(pid)).tree;
  } catch (error) {
    if (isCkptError(error) && error.code === 'ESRCH') return undefined;
    throw error;
  }
}

/** Tells the last event. */
async function announce({ events }: StepParts, keeper: RecordKeeper): Promise<void> {
  const { record } = keeper;
  const { state, figures = {}, error } = record;
  if (state === 'completed')
    await events.told({ type: state, ...ofCheckpoint(record), figures }, eventId(record, state));
  else if (state === 'failed')
    await events.told(
      { type: state, ...ofCheckpoint(record), figures, error: error! },
      eventId(record, state),
    );
  else if (state === 'cancelled')
    await events.told({ type: state, ...ofCheckpoint(record) }, eventId(record, state));
}

/**
 * Has the workers give back what they hold: while snapshots are held, each page that a task writes costs a copy. A worker that
 * cannot be told does so by itself, much later.
 * @throws the reason of `term`
 */
async function release(
  { connection, workers }: StepParts,
  { record }: RecordKeeper,
  term: AbortSignal,
): Promise<void> {
  const { checkpoint, workers: holding = [] } = record;
  const releaseOn = (id: string, signal: AbortSignal) =>
    ask(connection, id, 'release', { checkpoint }, { timeoutMs: RELEASE_ATTEMPT_MS, signal });
  await Promise.allSettled(
    holding.map((id) => {
      if (!workers.isAlive(id)) return releaseOn(id, term);
      return workers.whileAlive([id], term, (signal) =>
        retrying(connection, { timeoutMs: RELEASE_MS, signal }, () => releaseOn(id, signal)),
      );
    }),
  );
  term.throwIfAborted();
}
