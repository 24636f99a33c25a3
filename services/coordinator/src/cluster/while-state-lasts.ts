import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import { type Connection, clusterState, isSameState } from '@ckptree/protocol';
import type { Term } from './leadership.js';

const LOOK_MS = 2_000;

export interface StateParts {
  readonly connection: Connection;
  /** Makes the streams and buckets that are not there. */
  readonly setUp: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Leads for as long as the streams and buckets are there with which the term began: all that a leader has in mind comes from them, and
 * its watches and queues end with them.
 * @throws EIO one of them is gone, or was made anew; what `lead` throws
 */
export async function whileStateLasts(
  parts: StateParts,
  term: Term,
  lead: (term: Term) => Promise<void>,
): Promise<void> {
  await parts.setUp();
  const lost = new AbortController();
  const over = new AbortController();
  const watching = watch(parts, AbortSignal.any([term.signal, over.signal]), () =>
    lost.abort(
      new CkptError('EIO', 'the NATS server has lost streams or buckets of the cluster; they are made anew'),
    ),
  );
  try {
    await lead({ ...term, signal: AbortSignal.any([term.signal, lost.signal]) });
    lost.signal.throwIfAborted();
  } finally {
    over.abort();
    await watching;
  }
}

async function watch(
  { connection, onError }: StateParts,
  signal: AbortSignal,
  onLost: () => void,
): Promise<void> {
  let began: readonly number[] | undefined;
  let missed = false;
  while (!signal.aborted) {
    try {
      const state = await clusterState(connection);
      began ??= state;
      // A server that ends has let go of its streams already when it still answers: one look is not enough.
      if (state === undefined ? missed : !isSameState(state, began ?? state)) return onLost();
      missed = state === undefined;
    } catch (error) {
      // No answer says nothing.
      if (!signal.aborted) onError(error);
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}
