import { retrying, type TreeRecord } from '@ckptree/protocol';
import type { Checkpoints } from '../checkpoint/checkpoints.js';
import { undoOn } from '../tree/start-tree.js';
import type { TreeParts } from '../tree/tree-parts.js';
import { ask } from './fan-out.js';

const ANSWER_MS = 15_000;
const PAGE = 100;

export interface StraysParts extends Pick<TreeParts, 'connection' | 'workers' | 'trees'> {
  readonly checkpoints: Checkpoints;
  readonly signal: AbortSignal;
  /** Resolves when those that were lost by now stand in the records. */
  readonly noted: () => Promise<void>;
  /** There were trees among what a worker holds. */
  readonly onFound: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * What workers hold and the records tell otherwise. Where there is none, NATS has lost it: trees get theirs back, and checkpoints are over.
 * Where the tree goes on, or has ended, without the worker, which stood still or was cut off for long: it gives its part up.
 */
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
    const { connection, workers, checkpoints, noted } = this.#parts;
    await noted();
    await workers.whileAlive([worker], this.#parts.signal, async (signal) => {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const asked = { after, limit: PAGE };
        const held: Held = await retrying(connection, { timeoutMs: ANSWER_MS, signal }, () =>
          ask(connection, worker, 'held', asked, { signal }),
        );
        for (const record of held.trees) await this.#takeInTree(worker, record, signal);
        if (after === 0) {
          for (const tree of held.loaded ?? []) await this.#takeInLoaded(worker, tree, signal);
          for (const stray of held.checkpoints) await checkpoints.concludeStray(stray, worker);
        }
        after = held.next;
      }
    });
  }

  async #takeInTree(worker: string, record: TreeRecord, signal: AbortSignal): Promise<void> {
    const { connection, trees, onFound } = this.#parts;
    const known = trees.find(record.tree);
    if (known === undefined) {
      await trees.put(record);
      onFound();
    } else if (isWithout(known, worker)) await undoOn(connection, worker, { ...known, signal });
  }

  /** Whoever began to start it has its record. */
  async #takeInLoaded(worker: string, tree: string, signal: AbortSignal): Promise<void> {
    const { connection, trees } = this.#parts;
    const known = trees.find(tree);
    if (known === undefined || isWithout(known, worker))
      await ask(connection, worker, 'abandon', { tree }, { signal });
  }
}

type Held = Awaited<ReturnType<typeof ask<'held'>>>;

/** Whether what the worker has of a tree does not count any more. */
const isWithout = ({ state, lost = [] }: TreeRecord, worker: string): boolean =>
  state === 'ended' || lost.includes(worker);
