import { asCkptError, CkptError, errorFromData } from '@ckptree/errors';
import { type Connection, type DocumentRef, retrying, sendDocument } from '@ckptree/protocol';
import { ask, askAll, tellAll } from '../cluster/fan-out.js';
import type { Workers } from '../cluster/workers.js';

const LOAD_TIMEOUT_MS = 600_000;
const LOOK_MS = 1_000;

export interface StartParts {
  readonly connection: Connection;
  readonly workers: Workers;
}

export interface StartOptions {
  readonly tree: string;
  readonly rootPid: number;
  /** What each worker gets. */
  readonly parts: ReadonlyMap<string, object>;
  /** They come from this checkpoint; else they begin with their programs. */
  readonly checkpoint?: string;
  readonly frozen?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Loads a tree on its workers, and lets it run once all have loaded theirs: all of it runs, or nothing.
 * @returns its tasks
 * @throws what a worker throws, with its name; EPIPE a worker is gone; then nothing is left
 */
export async function startTree({ connection, workers }: StartParts, options: StartOptions): Promise<number> {
  const { tree, frozen = false, parts, signal } = options;
  const ids = [...parts.keys()];
  try {
    return await workers.whileAlive(ids, signal, async (signal) => {
      await load(connection, { ...options, signal });
      const started = await askAll(connection, ids, 'start', () => ({ tree, frozen }), { signal });
      return [...started.values()].reduce((sum, { tasks }) => sum + tasks, 0);
    });
  } catch (error) {
    await undo(connection, ids, options);
    throw error;
  }
}

async function load(connection: Connection, options: StartOptions): Promise<void> {
  const { tree, rootPid, checkpoint, parts, signal } = options;
  const sent = new Map<string, DocumentRef>();
  for (const [worker, part] of parts)
    sent.set(worker, await sendDocument(connection, worker, part, { signal }));
  const workers = [...parts.keys()];
  if (checkpoint === undefined) {
    const bodyOf = (id: string) => ({ tree, rootPid, part: sent.get(id)! });
    await askAll(connection, workers, 'spawn', bodyOf, { signal });
    return;
  }
  const bodyOf = (id: string) => ({ tree, rootPid, checkpoint, part: sent.get(id)! });
  await askAll(connection, workers, 'restore', bodyOf, { signal });
  await Promise.all(workers.map((id) => loaded(connection, id, tree, signal)));
}

/** Waits until a worker has loaded its part. One that is busy may leave a question unanswered: as long as it lives, it is asked again. */
async function loaded(connection: Connection, id: string, tree: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LOAD_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const left = { timeoutMs: deadline - performance.now(), signal };
    const { state, error } = await retrying(connection, left, () =>
      ask(connection, id, 'status', { tree, waitMs: LOOK_MS }, { signal }),
    );
    if (state === 'loaded' || state === 'started') return;
    if (error !== undefined) throw errorFromData(error);
    if (state === 'unknown')
      throw new CkptError('EPIPE', `worker ${id} was started anew while it loaded its part`, { worker: id });
  }
  throw new CkptError('ETIMEDOUT', `worker ${id} did not load its part of tree ${tree} in time`, {
    worker: id,
  });
}

/** Nothing of a tree that could not be started stays; parts that run already are killed. */
async function undo(
  connection: Connection,
  workers: readonly string[],
  { tree, rootPid }: StartOptions,
): Promise<void> {
  const running = await tellAll(connection, workers, 'abandon', () => ({ tree }));
  const busy = [...running].filter(([, error]) => asCkptError(error).code === 'EBUSY').map(([id]) => id);
  await tellAll(connection, busy, 'signal', () => ({ tree, roots: [rootPid], signal: 'kill' as const }));
}
