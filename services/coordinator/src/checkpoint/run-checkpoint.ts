import { isTransient } from '@ckptree/carrier';
import { CkptError, errorToData } from '@ckptree/errors';
import { interruptible } from '@ckptree/protocol';
import type { Manifest, Session } from '@ckptree/store';
import { commit } from './commit.js';
import { conclude } from './conclude.js';
import { dump } from './dump.js';
import { gather } from './gather.js';
import { prepare } from './prepare.js';
import type { RecordKeeper } from './record-keeper.js';
import type { StepParts, Underway } from './step-parts.js';
import { eventId, ofCheckpoint } from './tell.js';
import { withSession } from './with-session.js';

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
    const manifest = await committed(parts, underway, session, () => commit(session, underway, tree, stored));
    if (manifest === undefined) return;
    await complete(parts, underway, { ...sizesTold(manifest), commitMs: performance.now() - committing });
  });
}

/**
 * The manifest that was put. What the store refuses, a name that cannot be made durable perhaps, has failed, also if the name is there.
 * @returns undefined when it has failed
 * @throws what leaves open whether it was put
 */
async function committed(
  parts: StepParts,
  underway: Underway,
  session: Session,
  put: () => Promise<Manifest>,
): Promise<Manifest | undefined> {
  try {
    return await put();
  } catch (error) {
    if (isTransient(error)) throw error;
    // Without its lease, nothing that is still under way can list it.
    await session.end();
    await giveUp(parts, underway, error);
    return undefined;
  }
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
  const { keeper, term } = underway;
  if (!keeper.isOver && !term.aborted && keeper.record.state === 'committing') {
    // Whether the manifest was put is known to the store alone; what is listed is complete, whatever came after.
    const listed = await confirmed(parts, keeper.record.checkpoint, term);
    if (listed !== undefined) return complete(parts, underway, sizesTold(listed));
  }
  await giveUp(parts, underway, reason);
}

async function giveUp(parts: StepParts, { keeper, signal, term }: Underway, reason: unknown): Promise<void> {
  // Who leads no longer, because of an outage perhaps, fails nothing: the next one goes on from the record.
  if (keeper.isOver || term.aborted) throw reason;
  const cause: unknown = signal.aborted ? signal.reason : reason;
  await keeper.change({ state: 'failed', error: errorToData(cause) });
  await conclude(parts, { keeper, term });
}

/**
 * The manifest of a checkpoint, if it is listed and will stay so.
 * @throws what the store throws when it cannot be asked now; EINTR `term`
 */
export function confirmed(
  { store }: Pick<StepParts, 'store'>,
  checkpoint: string,
  term: AbortSignal,
): Promise<Manifest | undefined> {
  const confirm = async (): Promise<Manifest | undefined> => {
    const session = await (await store()).begin();
    try {
      return await session.confirm(checkpoint);
    } catch (error) {
      if (isTransient(error)) throw error;
      return undefined;
    } finally {
      await session.end();
    }
  };
  return interruptible(confirm(), term, `looking for checkpoint ${checkpoint}`);
}
