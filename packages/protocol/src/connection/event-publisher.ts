import { CkptError, isCkptError } from '@ckptree/errors';
import { type ClusterEvent, EVENTS } from '../events/event.js';
import { eventSubject } from '../events/event-subject.js';
import { PROTOCOL_VERSION } from '../messages/definition.js';
import { messageBytes } from '../schema/json-message.js';
import { validated } from '../schema/validation.js';
import type { Connection } from './connection.js';
import { jetstreamPublish, type Published } from './jetstream-publish.js';
import { retrying } from './retry.js';

export interface EventPublisherOptions {
  /** Most events that wait. Default 10,000. */
  readonly capacity?: number;
  /** Longest that close() goes on trying. Default 5 s. */
  readonly closeTimeoutMs?: number;
}

/** An event as its author gives it: version and time are added. */
export type NewEvent = ClusterEvent extends infer Event
  ? Event extends ClusterEvent
    ? Omit<Event, 'version' | 'at'> & { readonly at?: string }
    : never
  : never;

interface Waiting {
  readonly subject: string;
  readonly id: string;
  readonly content: Uint8Array;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
}

const CAPACITY = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;
/** Tried for so long before the time starts again: events are never given up while there is hope. */
const ROUND_MS = 60_000;

/**
 * Publishes events in the order in which they are given, each once however often it must be tried, over any outage. What
 * waits is bounded.
 */
export class EventPublisher {
  readonly #connection: Connection;
  readonly #capacity: number;
  readonly #closeTimeoutMs: number;
  readonly #outbox: Waiting[] = [];
  readonly #abort = new AbortController();
  #closing = false;
  #work: Promise<void> | undefined;

  constructor(connection: Connection, options: EventPublisherOptions = {}) {
    this.#connection = connection;
    this.#capacity = options.capacity ?? CAPACITY;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
  }

  /** Events that wait, for metrics. */
  get waiting(): number {
    return this.#outbox.length;
  }

  /**
   * @param id `<checkpoint>.<type>[.<n>]`: the same event has the same id, whoever tells it, and is stored once
   * @returns when it is durable
   * @throws EINVAL it breaks its schema; EAGAIN too many wait; EPERM this user may not; EPIPE the publisher was closed
   */
  publish(event: NewEvent, id: string): Promise<Published> {
    const whole = { version: PROTOCOL_VERSION, at: new Date().toISOString(), ...event } as ClusterEvent;
    const { promise, resolve, reject } = withResolvers<Published>();
    try {
      validated(EVENTS[whole.type], whole, `the event ${whole.type}`);
      if (this.#closing) throw new CkptError('EPIPE', 'no events are published any more: the service ends');
      if (this.#outbox.length >= this.#capacity)
        throw new CkptError('EAGAIN', `${this.#capacity} events wait to be published already`);
      const content = messageBytes(whole);
      this.#outbox.push({ subject: eventSubject(whole), id, content, resolve, reject });
      this.#work ??= this.#publishAll();
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /** For events that may be missed (progress): does nothing when others wait, which are more important. */
  offer(event: NewEvent, id: string): void {
    // Whoever offers does not want to know what became of it.
    if (this.#outbox.length === 0) this.publish(event, id).catch(() => undefined);
  }

  /** Publishes what waits, for a while; what is left then is given up. */
  async close(): Promise<void> {
    this.#closing = true;
    const timer = setTimeout(() => this.#abort.abort(), this.#closeTimeoutMs);
    await this.#work;
    clearTimeout(timer);
  }

  async #publishAll(): Promise<void> {
    for (let next = this.#outbox[0]; next !== undefined; next = this.#outbox[0]) {
      try {
        next.resolve(await this.#publishOne(next));
      } catch (error) {
        next.reject(error);
      }
      this.#outbox.shift();
    }
    this.#work = undefined;
  }

  async #publishOne({ subject, id, content }: Waiting): Promise<Published> {
    const { signal } = this.#abort;
    for (;;) {
      try {
        return await retrying(this.#connection, { timeoutMs: ROUND_MS, signal }, () =>
          jetstreamPublish(this.#connection, subject, content, { id }),
        );
      } catch (error) {
        if (signal.aborted)
          throw new CkptError('EPIPE', 'the service ended before the event was published', {}, error);
        if (!isCkptError(error) || (error.code !== 'EAGAIN' && error.code !== 'ETIMEDOUT')) throw error;
      }
    }
  }
}

/** As Promise.withResolvers of newer releases. */
function withResolvers<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
