import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError, CkptError, type ErrorCode, errorFromData } from '@ckptree/errors';
import {
  type CheckpointEvent,
  type CheckpointFigures,
  type CheckpointState,
  type CheckpointSummary,
  type Connection,
  coordinator,
  isLastOfCheckpoint,
  isTerminal,
} from '@ckptree/protocol';
import { type AskOptions, ask } from './ask.js';
import { deadlineAfter, orBefore } from './deadline.js';
import { eventsOf } from './events.js';

/** A checkpoint that is complete, durable and listed. */
export interface CompletedCheckpoint {
  readonly id: string;
  readonly figures: CheckpointFigures;
}

/** What happened to one checkpoint, with the place in the stream. */
export type CheckpointProgress = CheckpointEvent & { readonly sequence: number };

/** How long is waited for the end of a checkpoint, if nothing else is said. */
export const TIMEOUT_MS = 30 * 60_000;
/** How long the coordinator is asked for a checkpoint whose events may be gone. */
const ASK_MS = 5_000;
/** How long a coordinator is waited for that takes a request out of the queue, and how often it is looked for. */
const [TAKEN_MS, LOOK_MS] = [60_000, 200];
const EVENTS_MAY_TELL: readonly ErrorCode[] = ['ENOENT', 'EAGAIN', 'ETIMEDOUT', 'EINTR'];

/**
 * A checkpoint under way. `done` is its end; iterating tells each step, from the first, also to whoever comes late.
 *
 * @example
 * for await (const { type } of checkpoint) console.log(type); // accepted, prepared, resumed, progress, ..., completed
 * const { figures } = await checkpoint.done;
 */
export class CheckpointHandle implements AsyncIterable<CheckpointProgress> {
  readonly id: string;
  /**
   * @throws what made it fail; EINTR it was cancelled, or `signal`; ETIMEDOUT it had not ended in time (and may still);
   *   EIO NATS has lost the events that would tell; EPIPE the client was closed
   */
  readonly done: Promise<CompletedCheckpoint>;
  readonly #connection: Connection;
  /** It was accepted just now, so it is known, or will be. */
  readonly #isNew: boolean;

  /**
   * @param options how long `done` waits, and what gives that up; the checkpoint goes on. `old`: it may have ended so long
   *   ago that its events are gone
   */
  constructor(connection: Connection, id: string, options: AskOptions & { readonly old?: boolean } = {}) {
    this.#connection = connection;
    this.id = id;
    this.#isNew = options.old !== true;
    this.done = this.#end(options);
    // Whoever only iterates, or only cancels, need not wait for the end as well.
    this.done.catch(() => undefined);
  }

  /** Every step, to the last. Ends without a word when the signal says so. */
  async *events({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<CheckpointProgress> {
    const filter = { checkpoint: this.id };
    const options = { from: 'beginning', filter, ...(signal !== undefined && { signal }) } as const;
    for await (const event of eventsOf(this.#connection, options)) {
      yield event as CheckpointProgress;
      if (isLastOfCheckpoint(event)) return;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<CheckpointProgress> {
    return this.events();
  }

  /**
   * Gives it up, if it is not complete by now. Its tasks run on.
   * @returns what became of it
   * @throws ENOENT it is not known, or nobody took the request in time; as other requests
   */
  async cancel({ timeoutMs = TAKEN_MS, signal }: AskOptions = {}): Promise<CheckpointState> {
    const deadline = performance.now() + timeoutMs;
    for (let leftMs = timeoutMs; ; leftMs = Math.max(deadline - performance.now(), 0)) {
      try {
        const options = { timeoutMs: leftMs, ...(signal !== undefined && { signal }) };
        const { state } = await ask(this.#connection, coordinator.cancel, { checkpoint: this.id }, options);
        return state;
      } catch (error) {
        const isInQueue = this.#isNew && asCkptError(error).code === 'ENOENT';
        if (!isInQueue || performance.now() + LOOK_MS > deadline) throw error;
      }
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined); // told by the next attempt
    }
  }

  async #end({ timeoutMs = TIMEOUT_MS, signal, old = false }: AskOptions & { readonly old?: boolean }) {
    const deadline = deadlineAfter(timeoutMs);
    const either = orBefore(deadline, signal);
    const { summary, unknown } = old ? await this.#ended(either) : {};
    if (summary !== undefined) return this.#result(summary);
    for await (const event of this.events({ signal: either })) {
      if (event.type === 'completed') return { id: this.id, figures: event.figures };
      if (event.type === 'failed') throw errorFromData(event.error);
      if (event.type === 'cancelled') throw this.#cancelled();
    }
    if (signal?.aborted === true)
      throw new CkptError('EINTR', `waiting for checkpoint ${this.id} was given up`, {}, signal.reason);
    throw new CkptError(
      'ETIMEDOUT',
      `checkpoint ${this.id} had not ended within ${timeoutMs} ms; it may still: ask for it by its id, or cancel it`,
      {},
      unknown,
    );
  }

  /**
   * What the coordinator knows of its end. It may not be there to be asked, or not have accepted the checkpoint yet: then the
   * events tell, and if they do not, that is why.
   * @throws what else it answers
   */
  async #ended(signal: AbortSignal): Promise<{ summary?: CheckpointSummary; unknown?: CkptError }> {
    try {
      const body = { checkpoint: this.id };
      const options = { timeoutMs: ASK_MS, signal };
      const { checkpoints } = await ask(this.#connection, coordinator.checkpoints, body, options);
      const summary = checkpoints.find(({ state }) => isTerminal(state));
      return summary === undefined ? {} : { summary };
    } catch (error) {
      const unknown = asCkptError(error);
      if (EVENTS_MAY_TELL.includes(unknown.code)) return { unknown };
      throw unknown;
    }
  }

  #result({ state, figures = {}, error }: CheckpointSummary): CompletedCheckpoint {
    if (state === 'cancelled') throw this.#cancelled();
    if (error !== undefined) throw errorFromData(error);
    return { id: this.id, figures };
  }

  #cancelled(): CkptError {
    return new CkptError('EINTR', `checkpoint ${this.id} was cancelled`);
  }
}
