import { CkptError, errorFromData, isCkptError } from '@ckptree/errors';
import {
  type Connection,
  isUnanswered,
  isUnserved,
  type ReplyOf,
  type RequestOf,
  retrying,
  sendDocument,
  type TreeRecord,
  type worker,
} from '@ckptree/protocol';
import { ask, onAll } from '../cluster/fan-out.js';
import type { Workers } from '../cluster/workers.js';

const LOAD_TIMEOUT_MS = 600_000;
const LOOK_MS = 1_000;
/** A worker that lives is asked again when it has not answered for so long, and for so long in all. */
const [ATTEMPT_MS, ANSWER_MS] = [15_000, 60_000];
const UNDO_TIMEOUT_MS = 15_000;

export interface StartParts {
  readonly connection: Connection;
  readonly workers: Workers;
}

export interface StartOptions {
  readonly tree: string;
  readonly rootPid: number;
  /** Of which each worker keeps a copy. */
  readonly record?: TreeRecord;
  /** What each worker gets. */
  readonly parts: ReadonlyMap<string, object>;
  /** They come from this checkpoint; else they begin with their programs. */
  readonly checkpoint?: string;
  readonly frozen?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Loads a tree on its workers, and lets it run once all have loaded theirs.
 * @returns its tasks
 * @throws what a worker throws, with its name; EPIPE a worker is gone; what is done by then is to be undone
 */
export async function startTree({ connection, workers }: StartParts, options: StartOptions): Promise<number> {
  const { tree, frozen = false, record, parts, signal } = options;
  const starting = { tree, frozen, ...(record !== undefined && { record }) };
  const ids = [...parts.keys()];
  return workers.whileAlive(ids, signal, async (signal) => {
    await onAll(ids, (id) => load(connection, id, { ...options, signal }));
    const started = await onAll(ids, (id) => askAgain(connection, id, 'start', starting, signal));
    return started.reduce((sum, { tasks }) => sum + tasks, 0);
  });
}

async function load(connection: Connection, id: string, options: StartOptions): Promise<void> {
  const { tree, rootPid, checkpoint, parts, signal } = options;
  const part = await retrying(connection, { timeoutMs: ANSWER_MS, signal }, () =>
    sendDocument(connection, id, parts.get(id)!, { signal }),
  );
  if (checkpoint === undefined) {
    await askAgain(connection, id, 'spawn', { tree, rootPid, part }, signal);
    return;
  }
  await askAgain(connection, id, 'restore', { tree, rootPid, checkpoint, part }, signal);
  await loaded(connection, id, tree, signal);
}

type Starting = Pick<ReturnType<typeof worker>, 'spawn' | 'restore' | 'start'>;

/** For what does no harm when it is asked twice: an answer may be lost on its way, or be late. @throws what is answered */
async function askAgain<Verb extends keyof Starting>(
  connection: Connection,
  id: string,
  verb: Verb,
  body: RequestOf<Starting[Verb]['definition']>,
  signal: AbortSignal,
): Promise<ReplyOf<Starting[Verb]['definition']>> {
  const answer = await retrying(connection, { timeoutMs: ANSWER_MS, signal }, async (leftMs) => {
    try {
      const options = { timeoutMs: Math.min(ATTEMPT_MS, leftMs), signal };
      return { reply: await ask(connection, id, verb, body as never, options) };
    } catch (error) {
      if (isCkptError(error) && (isUnserved(error) || isUnanswered(error))) throw error;
      return { error };
    }
  });
  if ('error' in answer) throw answer.error;
  return answer.reply as ReplyOf<Starting[Verb]['definition']>;
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

/**
 * Nothing of a tree that could not be started stays on workers that live; parts that run already are killed.
 * @param over raised when nobody waits for that any more
 * @returns whether all of them are known to have nothing of it any more
 */
export async function undoStart(
  { connection, workers }: StartParts,
  ids: readonly string[],
  { tree, rootPid }: Pick<StartOptions, 'tree' | 'rootPid'>,
  over?: AbortSignal,
): Promise<boolean> {
  const late = AbortSignal.timeout(UNDO_TIMEOUT_MS);
  const signal = over === undefined ? late : AbortSignal.any([late, over]);
  const undone = await Promise.allSettled(
    ids.map((id) =>
      workers.whileAlive([id], signal, (signal) =>
        retrying(connection, { timeoutMs: UNDO_TIMEOUT_MS, signal }, () =>
          undoOn(connection, id, { tree, rootPid, signal }),
        ),
      ),
    ),
  );
  return undone.every((one) => one.status === 'fulfilled');
}

/** Takes from a worker what it has of a tree: what is loaded, and tasks that run. @throws as request() */
export async function undoOn(
  connection: Connection,
  id: string,
  { tree, rootPid, signal }: Pick<StartOptions, 'tree' | 'rootPid' | 'signal'>,
): Promise<void> {
  try {
    await ask(connection, id, 'abandon', { tree }, { signal });
  } catch (error) {
    if (!isCkptError(error) || error.code !== 'EBUSY') throw error;
    await ask(connection, id, 'signal', { tree, roots: [rootPid], signal: 'kill' }, { signal });
    await disownZombies(connection, id, tree, signal);
  }
}

/** Zombies whose parents are elsewhere wait for them, and keep their pids. */
async function disownZombies(
  connection: Connection,
  id: string,
  tree: string,
  signal: AbortSignal,
): Promise<void> {
  const { roots } = await ask(connection, id, 'fragments', { tree }, { signal });
  const parents = [...new Set(roots.map(({ ppid }) => ppid).filter((ppid) => ppid !== 0))];
  if (parents.length > 0) await ask(connection, id, 'disown', { tree, parents }, { signal });
}
