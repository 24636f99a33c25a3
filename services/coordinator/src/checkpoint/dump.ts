import type { MergedTree } from '@ckptree/checkpoint';
import { CkptError, errorFromData } from '@ckptree/errors';
import { fetchDocument, retrying, sendDocument } from '@ckptree/protocol';
import type { StoredParts } from '@ckptree/store';
import { ask } from '../cluster/fan-out.js';
import type { StepParts, Underway } from './step-parts.js';
import { checkStored } from './stored-document.js';

const LOOK_MS = 1_000;

/**
 * Lets every worker store its segments, and waits until all are durable.
 * @returns by worker what it stored
 * @throws what the worker's dump threw; ETIMEDOUT it took too long; EPIPE the worker was started anew
 */
export async function dump(
  parts: StepParts,
  underway: Underway,
  tree: MergedTree,
): Promise<Map<string, StoredParts>> {
  const own = new AbortController();
  const signal = AbortSignal.any([underway.signal, own.signal]);
  try {
    const stored = await Promise.all(
      [...tree.assignments].map(async ([worker, assignment]) => {
        const { checkpoint, parent } = underway.keeper.record;
        await begin(parts, { worker, checkpoint, parent, assignment, signal });
        await sealed(parts, { worker, checkpoint, signal });
        return [worker, await result(parts, { worker, checkpoint, signal })] as const;
      }),
    );
    return new Map(stored);
  } catch (error) {
    // The others need not be waited for.
    own.abort(error);
    throw error;
  }
}

interface OnWorker {
  readonly worker: string;
  readonly checkpoint: string;
  readonly signal: AbortSignal;
}

async function begin(
  { connection, limits }: StepParts,
  {
    worker,
    checkpoint,
    parent,
    assignment,
    signal,
  }: OnWorker & { readonly parent: string | undefined; readonly assignment: object },
): Promise<void> {
  await retrying(connection, { timeoutMs: limits.describeMs, signal }, async (timeoutMs) => {
    const sent = await sendDocument(connection, worker, assignment, { timeoutMs, signal });
    const body = { checkpoint, assignment: sent, ...(parent !== undefined && { parent }) };
    await ask(connection, worker, 'dump', body, { signal });
  });
}

async function sealed({ connection, limits }: StepParts, { worker, checkpoint, signal }: OnWorker) {
  const started = performance.now();
  let outageMs = 0;
  for (;;) {
    const asked = performance.now();
    const body = { checkpoint, waitMs: LOOK_MS };
    const status = await retrying(connection, { timeoutMs: limits.describeMs, signal }, () =>
      ask(connection, worker, 'status', body, { signal }),
    );
    if (status.state === 'sealed') return;
    if (status.error !== undefined) throw errorFromData(status.error);
    if (status.state === 'unknown')
      throw new CkptError('EPIPE', `worker ${worker} was started anew while it dumped its part`, { worker });
    const took = performance.now() - asked;
    if (took > 2 * LOOK_MS) outageMs += took;
    if (performance.now() - started - outageMs > limits.dumpMs)
      throw new CkptError('ETIMEDOUT', `worker ${worker} did not store its part within ${limits.dumpMs} ms`, {
        worker,
      });
  }
}

async function result(
  { connection, limits }: StepParts,
  { worker, checkpoint, signal }: OnWorker,
): Promise<StoredParts> {
  return retrying(connection, { timeoutMs: limits.describeMs, signal }, async () => {
    const { stored } = await ask(connection, worker, 'result', { checkpoint }, { signal });
    return checkStored(await fetchDocument(connection, worker, stored, { signal }), worker);
  });
}
