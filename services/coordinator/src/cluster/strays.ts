import { retrying } from '@ckptree/protocol';
import type { Checkpoints } from '../checkpoint/checkpoints.js';
import type { TreeParts } from '../tree/tree-parts.js';
import { ask } from './fan-out.js';

const ANSWER_MS = 15_000;
const PAGE = 100;

export interface StraysParts extends Pick<TreeParts, 'connection' | 'workers' | 'trees'> {
  readonly checkpoints: Checkpoints;
  readonly signal: AbortSignal;
  /** There were trees among what a worker holds. */
  readonly onFound: () => void;
  readonly onError: (error: unknown) => void;
}

/** What workers hold and no record tells of, as NATS has lost the records: trees get theirs back, and checkpoints are over. */
export class Strays {
  readonly #parts: StraysParts;
  readonly #asked = new Set<Promise<void>>();

  constructor(parts: StraysParts) {
    this.#parts = parts;
  }

  /** Asks a worker what it holds, and takes in what is not known. */
  takeIn(worker: string): void {
    const { workers, signal, onError } = this.#parts;
    const asked = this.#takeIn(worker)
      .catch((error: unknown) => {
        if (!signal.aborted && workers.isAlive(worker)) onError(error);
      })
      .finally(() => this.#asked.delete(asked));
    this.#asked.add(asked);
  }

  /** Resolves when all that were asked have answered, or are gone. */
  async settled(): Promise<void> {
    while (this.#asked.size > 0) await Promise.all(this.#asked);
  }

  async #takeIn(worker: string): Promise<void> {
    const { connection, workers, trees, checkpoints, onFound } = this.#parts;
    await workers.whileAlive([worker], this.#parts.signal, async (signal) => {
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
            onFound();
          }
        if (after === 0) for (const stray of held.checkpoints) await checkpoints.concludeStray(stray, worker);
        after = held.next;
      }
    });
  }
}
