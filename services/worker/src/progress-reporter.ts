import type { EventPublisher } from '@ckptree/protocol';
import type { DumpProgress } from './dump-part.js';
import type { HeldCheckpoint } from './held-checkpoint.js';

const INTERVAL_MS = 500;

/** Tells subscribers how far dumps are, at most twice a second each. Others' events are more important: it may be left out. */
export class ProgressReporter {
  readonly #events: EventPublisher;
  readonly #worker: string;
  readonly #told = new WeakMap<HeldCheckpoint, { at: number; count: number }>();

  constructor(events: EventPublisher, worker: string) {
    this.#events = events;
    this.#worker = worker;
  }

  tell(held: HeldCheckpoint, { bytes, totalBytes, mms }: DumpProgress): void {
    const now = performance.now();
    const told = this.#told.get(held) ?? { at: Number.NEGATIVE_INFINITY, count: 0 };
    if (now - told.at < INTERVAL_MS && bytes < totalBytes) return;
    this.#told.set(held, { at: now, count: told.count + 1 });
    const { checkpoint, pid, tree } = held;
    this.#events.offer(
      { type: 'progress', checkpoint, pid, tree, worker: this.#worker, bytes, totalBytes, mms: [...mms] },
      `${checkpoint}.progress.${this.#worker}.${told.count}`,
    );
  }
}
