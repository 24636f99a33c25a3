import { retrying } from '@ckptree/protocol';
import type { Checkpoints } from '../checkpoint/checkpoints.js';
import type { TreeParts } from '../tree/tree-parts.js';
import { ask } from './fan-out.js';

const ANSWER_MS = 15_000;
const PAGE = 100;

export interface StraysParts extends Pick<TreeParts, 'connection' | 'workers' | 'trees'> {
  readonly checkpoints: Checkpoints;
  readonly signal: AbortSignal;
}

/**
 * Takes in what a worker holds and no record tells of, as NATS has lost the records: trees get theirs back, and checkpoints are over.
 * @returns whether there were trees among it
 * @throws EPIPE the worker is gone; what it, or the store, answers
 */
export async function takeInStrays(
  { connection, workers, trees, checkpoints, signal }: StraysParts,
  worker: string,
): Promise<boolean> {
  return workers.whileAlive([worker], signal, async (signal) => {
    let found = false;
    for (let after: number | undefined = 0; after !== undefined; ) {
      const asked = { after, limit: PAGE };
      const held: Awaited<ReturnType<typeof ask<'held'>>> = await retrying(
        connection,
        { timeoutMs: ANSWER_MS, signal },
        () => ask(connection, worker, 'held', asked, { signal }),
      );
      for (const record of held.trees)
        if (trees.find(record.tree) === undefined) {
          await trees.put(record);
          found = true;
        }
      if (after === 0) for (const stray of held.checkpoints) await checkpoints.concludeStray(stray, worker);
      after = held.next;
    }
    return found;
  });
}
