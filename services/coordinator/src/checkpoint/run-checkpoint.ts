import { CkptError, errorToData, isCkptError } from '@ckptree/errors';
import { retrying } from '@ckptree/protocol';
import type { Manifest } from '@ckptree/store';
import { ask } from '../cluster/fan-out.js';
import { signalTasks } from '../tree/signal-tasks.js';
import { commit } from './commit.js';
import { dump } from './dump.js';
import { gather } from './gather.js';
import { prepare } from './prepare.js';
import type { RecordKeeper } from './record-keeper.js';
import type { StepParts, Underway } from './step-parts.js';
import { eventId, ofCheckpoint } from './tell.js';
import { withSession } from './with-session.js';

/** A worker that lives is told again to let go when it has not answered for so long, and for so long in all. */
const [RELEASE_ATTEMPT_MS, RELEASE_MS] = [5_000, 30_000];

/**
 * Takes a checkpoint from wherever its record stands to its end: completed, or failed with a reason. Each step may have been
 * done before, by a leader that is gone, and is then only confirmed.
 * @throws EPERM it is not ours any more: another leader has it, or it was cancelled
 */
export async function runCheckpoint(parts: StepParts, underway: Underway): Promise<void> {
  const { keeper } = underway;
  try {
    if (keeper.record.state === 'preparing')
      throw new CkptError(
        'EPIPE',
        'the coordinator was lost before the cut was complete; ask for the checkpoint again',
      );
    if (keeper.record.state === 'requested') await prepare(parts, underway);
    await save(parts, underway);
  } catch (error) {
    await fail(parts, underway, error);
  }
}

/** From the cut to the manifest. */
async function save(parts: StepParts, underway: Underway): Promise<void> {
  const { keeper, signal } = underway;
  const { name, labels } = keeper.record.request;
  const { parent, workers = [] } = keeper.record;
  const options = {
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels }),
    ...(parent !== undefined && { parent }),
  };
  // Before any worker stores anything: what they store must not be collected before it is listed (docs/store.md).
  await withSession(parts, underway, options, async (session) => {
    const planning = performance.now();
    const { tree, stored, dumping } = await parts.workers.whileAlive(workers, signal, async (signal) => {
      const tree = await gather(parts, { ...underway, signal });
      const dumping = performance.now();
      return { tree, dumping, stored: await dump(parts, { ...underway, signal }, tree) };
    });
    const committing = performance.now();
    signal.throwIfAborted();
    await toCommitting(keeper, tree.figures, { planMs: dumping - planning, dumpMs: committing - dumping });
    const manifest = await commit(session, underway, tree, stored);
    await complete(parts, underway, { ...sizesTold(manifest), commitMs: performance.now() - committing });
  });
}

/** From here on it cannot be cancelled. */
async function toCommitting(
  keeper: RecordKeeper,
  figures: object,
  timings: { readonly planMs: number; readonly dumpMs: number },
): Promise<void> {
  const { record } = keeper;
  // Another leader had come so far: the manifest must be the same.
  if (record.state === 'committing') return;
  const durationMs = Math.max(0, Date.now() - Date.parse(record.created));
  await keeper.change({
    state: 'committing',
    durationMs,
    figures: { ...record.figures, ...figures, ...timings },
  });
}

async function complete(parts: StepParts, underway: Underway, sizes: object): Promise<void> {
  const { keeper } = underway;
  const totalMs = Math.max(0, Date.now() - Date.parse(keeper.record.created));
  const figures = { ...keeper.record.figures, ...sizes, totalMs };
  await keeper.change({ state: 'completed', figures });
  const { record } = keeper;
  parts.events.tell({ type: 'stored', ...ofCheckpoint(record), figures }, eventId(record, 'stored'));
  await conclude(parts, underway);
}

const sizesTold = ({ sizes: { logical, new: added, stored } }: Pick<Manifest, 'sizes'>) => ({
  logicalBytes: logical,
  newBytes: added,
  storedBytes: stored,
});

async function fail(parts: StepParts, underway: Underway, reason: unknown): Promise<void> {
  const { keeper, signal, term } = underway;
  // Who leads no longer, because of an outage perhaps, fails nothing: the next one goes on from the record.
  if (keeper.isOver || term.aborted) throw reason;
  if (keeper.record.state === 'committing') {
    // Whether the manifest was put is known to the store alone; what is listed is complete, whatever came after.
    const listed = await listedAs(parts, keeper.record.checkpoint);
    if (listed !== undefined) return complete(parts, underway, sizesTold(listed));
  }
  const cause: unknown = signal.aborted ? signal.reason : reason;
  await keeper.change({ state: 'failed', error: errorToData(cause) });
  await conclude(parts, underway);
}

/** The manifest of a checkpoint, if it is listed. @throws what the store throws when it cannot be asked */
async function listedAs({ store }: StepParts, checkpoint: string): Promise<Manifest | undefined> {
  try {
    return await (await store()).resolve(checkpoint);
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The last of a checkpoint that is over: a tree that was to be stopped is killed, and only then is its last event told, so
 * that whoever hears of it finds the pids free. The event is told, and the workers are let go, in any case; until that is
 * noted, whoever leads next does it again.
 */
export async function conclude(
  parts: StepParts,
  { keeper, term }: Pick<Underway, 'keeper' | 'term'>,
): Promise<void> {
  if (keeper.record.announced === true) return;
  try {
    await stopTree(parts, keeper);
  } finally {
    await Promise.all([announce(parts, keeper), release(parts, keeper, term)]);
    await keeper.change({ announced: true });
  }
}

async function stopTree(parts: StepParts, { record }: RecordKeeper): Promise<void> {
  const { state, request, tree } = record;
  if (state !== 'completed' || request.stop !== true || tree === undefined) return;
  // Its pids may be those of its own restart by now.
  const running = parts.trees.find(tree) !== undefined && (await treeOf(parts, request.pid)) === tree;
  if (running) await signalTasks(parts, request.pid, 'kill');
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
