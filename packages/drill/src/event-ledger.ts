import type { ClientEvent } from '@ckptree/client';
import { isLastOfCheckpoint } from '@ckptree/protocol';
import type { DrillRecord } from './record.js';

const COMPLETED = 'completed';

/** The last event of a checkpoint, and the name that it has. */
export interface End {
  readonly type: string;
  readonly name: string;
}

/** What a subscriber is told: every event once and in order, and of each checkpoint one end. */
export class EventLedger {
  readonly #record: DrillRecord;
  /** How each checkpoint ended. */
  readonly #ends = new Map<string, End>();
  /** Those of which an end was told since the events were lost last. */
  #ended = new Set<string>();
  /** Those that must end. */
  readonly #accepted = new Set<string>();
  #last = 0;
  #isWhole = true;

  constructor(record: DrillRecord) {
    this.#record = record;
  }

  /** Whether it has all events. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** How each checkpoint ended. */
  get ends(): ReadonlyMap<string, End> {
    return this.#ends;
  }

  /** A request for it was accepted: it will end. */
  accepted(checkpoint: string): void {
    this.#accepted.add(checkpoint);
  }

  enter(event: ClientEvent): void {
    // The stream has the events and nothing else, so that its sequence has no gaps.
    if (event.sequence !== this.#last + 1)
      this.#record.violation(`event ${event.sequence} (${event.type}) came behind ${this.#last}`);
    this.#last = event.sequence;
    if (!('checkpoint' in event) || event.checkpoint === undefined) return;
    if (event.type === 'accepted') this.accepted(event.checkpoint);
    if (isLastOfCheckpoint(event)) this.#end(event.checkpoint, { type: event.type, name: event.name ?? '' });
  }

  /** The events are lost: others follow, from the first on. What had not ended may never be heard of. */
  lost(): void {
    this.#last = 0;
    this.#isWhole = false;
    this.#ended = new Set();
    this.#accepted.clear();
  }

  /** Each that was accepted must have ended by now. */
  close(): void {
    for (const checkpoint of this.#accepted)
      if (!this.#ends.has(checkpoint))
        this.#record.violation(`checkpoint ${checkpoint} was accepted and never ended`);
  }

  #end(checkpoint: string, end: End): void {
    const { type } = end;
    const before = this.#ends.get(checkpoint)?.type;
    // One that was not heard of may be told of again when the events are lost; but not that what is complete has failed.
    const isAllowed = !this.#ended.has(checkpoint) && (before === COMPLETED) === (type === COMPLETED);
    if (before !== undefined && !isAllowed)
      this.#record.violation(`checkpoint ${checkpoint} ended twice: ${before}, ${type}`);
    this.#ended.add(checkpoint);
    this.#ends.set(checkpoint, end);
  }
}
