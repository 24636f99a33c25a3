import type { ClientEvent } from '@ckptree/client';
import { isLastOfCheckpoint } from '@ckptree/protocol';
import type { DrillRecord } from './record.js';

/** What a subscriber is told: every event once and in order, and of each checkpoint one end. */
export class EventLedger {
  readonly #record: DrillRecord;
  readonly #ends = new Map<string, string>();
  #last = 0;

  constructor(record: DrillRecord) {
    this.#record = record;
  }

  enter(event: ClientEvent): void {
    // The stream has the events and nothing else, so that its sequence has no gaps.
    if (event.sequence !== this.#last + 1)
      this.#record.violation(`event ${event.sequence} (${event.type}) came behind ${this.#last}`);
    this.#last = event.sequence;
    if (!isLastOfCheckpoint(event) || !('checkpoint' in event) || event.checkpoint === undefined) return;
    const before = this.#ends.get(event.checkpoint);
    if (before !== undefined)
      this.#record.violation(`checkpoint ${event.checkpoint} ended twice: ${before}, ${event.type}`);
    this.#ends.set(event.checkpoint, event.type);
  }

  /** How each checkpoint ended. @param asked those that were accepted: each must have ended */
  close(asked: Iterable<string>): ReadonlyMap<string, string> {
    for (const checkpoint of asked)
      if (!this.#ends.has(checkpoint))
        this.#record.violation(`checkpoint ${checkpoint} was accepted and never ended`);
    return this.#ends;
  }
}
