import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError, isCkptError } from '@ckptree/errors';
import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import type { Delivered } from './delivered.js';
import { AckPolicy, type ConsumerInfo, DeliverPolicy, nanos } from './nats.js';
import { apiErrorOf, fromNats, STREAM_NOT_FOUND } from './nats-error.js';
import { backoff } from './options.js';
import { EXPIRED, pull } from './pull.js';
import { madeAt } from './stream-made.js';
import { whileConnected } from './while-connected.js';

/** Where in a stream to begin. */
export type Start =
  | { readonly at: 'beginning' }
  /** What is published from now on. */
  | { readonly at: 'now' }
  | { readonly at: 'sequence'; readonly sequence: number }
  | { readonly at: 'time'; readonly time: Date }
  /** The newest message of each subject, then what comes. */
  | { readonly at: 'newest of each' };

export interface OrderedOptions {
  readonly stream: string;
  /** Subjects, with wildcards of NATS. */
  readonly filter: string;
  readonly start: Start;
  /** Wait for what comes when all is read; otherwise end. Default true. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when everything that was there at the beginning has been given out. */
  readonly onCaughtUp?: () => void;
}

const BATCH = 256;
/** How long a pull request waits: when all is read, and before. */
const [FOLLOW_MS, CATCH_UP_MS] = [30_000, 1_000];
/** A consumer that nobody pulls from is forgotten by the server; it is made again, from where it stood. */
const INACTIVE_MS = 300_000;

/**
 * Messages of a stream in their order, each once, over any outage: whatever breaks, it goes on behind the last message
 * that was given out. Ends without a word when the signal says so.
 * @throws ENOENT there is no such stream; EIO it is lost with what it held, and may have been made anew; EPERM this user may not
 *   read it; EPIPE the connection was closed
 */
export async function* orderedMessages(
  connection: Connection,
  options: OrderedOptions,
): AsyncGenerator<Delivered> {
  const { signal } = options;
  const reader = new Reader(connection, options);
  const delays = backoff();
  const stopped = (): boolean => signal?.aborted === true;
  while (!stopped()) {
    try {
      await connection.whenConnected(signal);
      for await (const delivered of reader.session()) {
        delays.reset();
        yield delivered;
      }
      return;
    } catch (error) {
      if (stopped()) return;
      if (!isCkptError(error) || !isPassing(error)) throw error;
      await sleep(delays.next(), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** What another attempt may mend. */
const isPassing = ({ code }: CkptError): boolean => code === 'EAGAIN' || code === 'ETIMEDOUT';

/** Knows how far the reading is. */
class Reader {
  readonly #connection: Connection;
  readonly #options: OrderedOptions;
  /** Sequence of the message that was given out last; of the one before the first, as soon as that is known. */
  #last = 0;
  #start: Start;
  #caughtUp = false;
  /** When the stream was made: another has sequences of its own. */
  #made: number | undefined;

  constructor(connection: Connection, options: OrderedOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#start = options.start;
  }

  /** What one consumer delivers, as long as nothing of it is lost. Ends when all is read that was to be read. */
  async *session(): AsyncGenerator<Delivered> {
    const { stream, follow = true, signal } = this.#options;
    await this.#checkStream();
    const { name: consumer, num_pending: pending } = await this.#createConsumer();
    const expiresMs = (): number => (this.#caughtUp ? FOLLOW_MS : CATCH_UP_MS);
    let expected = 1;
    try {
      if (pending === 0 && this.#isAtEnd(follow)) return;
      for await (const delivered of pull(this.#connection, {
        stream,
        consumer,
        batch: BATCH,
        expiresMs,
        signal,
      })) {
        if (delivered === EXPIRED) {
          // What was there at the beginning may have been deleted meanwhile.
          if (!this.#caughtUp && (await this.#isDrained(consumer)) && this.#isAtEnd(follow)) return;
          continue;
        }
        if (delivered.delivery !== expected)
          throw new CkptError('EAGAIN', `messages of ${stream} were lost on the way`);
        expected++;
        // A consumer that was made again begins with the newest of each subject again.
        if (delivered.sequence > this.#last) {
          this.#passed(delivered.sequence);
          yield delivered;
        }
        if (delivered.left === 0 && this.#isAtEnd(follow)) return;
      }
    } finally {
      // A consumer that is left over is forgotten by the server after a while.
      this.#connection[NATS].manager.consumers.delete(stream, consumer).catch(() => undefined);
    }
  }

  async #isDrained(consumer: string): Promise<boolean> {
    const { stream } = this.#options;
    const what = `reading ${stream}`;
    try {
      const work = this.#connection[NATS].manager.consumers.info(stream, consumer);
      return (await whileConnected(this.#connection, what, work)).num_pending === 0;
    } catch (error) {
      const known = fromNats(error, { responder: 'JetStream', what, timeoutMs: API_TIMEOUT_MS });
      throw new CkptError('EAGAIN', known.message, {}, known);
    }
  }

  #passed(sequence: number): void {
    this.#last = sequence;
    if (this.#start.at !== 'newest of each') this.#start = { at: 'sequence', sequence: sequence + 1 };
  }

  #isAtEnd(follow: boolean): boolean {
    if (!this.#caughtUp) this.#options.onCaughtUp?.();
    this.#caughtUp = true;
    return !follow;
  }

  /** @throws ENOENT, EIO as orderedMessages() */
  async #checkStream(): Promise<void> {
    const { stream } = this.#options;
    const made = await madeAt(this.#connection, stream);
    // A server that ends has let go of its streams already when it still answers.
    if (this.#made !== undefined && made === undefined)
      throw new CkptError('EAGAIN', `the stream ${stream} is gone`);
    if (this.#made !== undefined && made !== this.#made)
      throw new CkptError(
        'EIO',
        `the stream ${stream} of the NATS server is lost, with what it held; begin to read anew`,
      );
    if (made === undefined)
      throw new CkptError(
        'ENOENT',
        `the NATS server has no stream ${stream}: no coordinator of ckptree has run there yet`,
      );
    this.#made = made;
  }

  async #createConsumer(): Promise<ConsumerInfo> {
    const { stream, filter } = this.#options;
    const what = `reading ${stream}`;
    try {
      const work = this.#connection[NATS].manager.consumers.add(stream, {
        name: `ckptree-${randomBytes(8).toString('hex')}`,
        ack_policy: AckPolicy.None,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(INACTIVE_MS),
        filter_subject: filter,
        ...deliverFrom(this.#start),
      });
      const info = await whileConnected(this.#connection, what, work);
      // What comes between now and the first message must not be lost when the consumer is.
      if (this.#start.at === 'now') this.#start = { at: 'sequence', sequence: info.delivered.stream_seq + 1 };
      return info;
    } catch (error) {
      // It is lost at this very moment: the next look says so.
      if (apiErrorOf(error) === STREAM_NOT_FOUND)
        throw new CkptError('EAGAIN', `the stream ${stream} is gone`, {}, error);
      const asked = { responder: 'JetStream', what, timeoutMs: API_TIMEOUT_MS };
      throw fromNats(error, asked);
    }
  }
}

function deliverFrom(start: Start) {
  switch (start.at) {
    case 'beginning':
      return { deliver_policy: DeliverPolicy.All };
    case 'now':
      return { deliver_policy: DeliverPolicy.New };
    case 'sequence':
      return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(start.sequence, 1) };
    case 'time':
      return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: start.time.toISOString() };
    case 'newest of each':
      return { deliver_policy: DeliverPolicy.LastPerSubject };
  }
}
