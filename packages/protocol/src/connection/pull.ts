import { CkptError } from '@ckptree/errors';
import { type Connection, NATS } from './connection.js';
import { type Delivered, deliveryOf } from './delivered.js';
import { Mailbox } from './mailbox.js';
import { createInbox, type Msg, nanos, type Subscription } from './nats.js';
import { fromNats } from './nats-error.js';
import { whileConnected } from './while-connected.js';

export interface PullOptions {
  readonly stream: string;
  readonly consumer: string;
  /** Most messages that wait here. */
  readonly batch: number;
  /** How long a pull request waits for messages, asked before each. Default 30 s. */
  readonly expiresMs?: () => number;
  readonly signal?: AbortSignal | undefined;
  /**
   * At the end, what has come and was not given out goes back at once, to whoever asks next; else only when its time to be
   * acknowledged is over.
   */
  readonly givesBack?: boolean;
}

/** A pull request ended without as many messages as it might have had. */
export const EXPIRED = 'expired';

const EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 4_000;
/** Without any sign of life for so long, something is wrong that nobody told us of. */
const SILENCE_MS = 3 * HEARTBEAT_MS;

/** An acknowledgement that asks for the message to be handed out again, now. */
const NOT_TAKEN = '-NAK';

/** Statuses of a pull request: https://docs.nats.io/reference/reference-protocols/nats_api_reference */
const STATUS = { heartbeat: 100, notFound: 404, timeout: 408 } as const;

/**
 * Messages of a consumer, pulled a batch at a time: who does not ask gets none. Ends without a word when the signal says
 * so.
 * @throws EAGAIN the connection broke, or the consumer is gone or silent: it must be made again; EPIPE the connection was
 *         closed, or is about to be
 */
export async function* pull(
  connection: Connection,
  options: PullOptions,
): AsyncGenerator<Delivered | typeof EXPIRED> {
  try {
    yield* pulled(connection, options);
  } catch (error) {
    const what = `reading ${options.stream}`;
    throw fromNats(error, { responder: 'the NATS server', what, timeoutMs: SILENCE_MS });
  }
}

async function* pulled(
  connection: Connection,
  options: PullOptions,
): AsyncGenerator<Delivered | typeof EXPIRED> {
  const { stream, consumer, batch, signal, expiresMs = () => EXPIRES_MS } = options;
  const { connection: nats, inboxPrefix } = connection[NATS];
  const inbox = createInbox(inboxPrefix);
  const arrived = new Mailbox<Msg>();
  const subscription = nats.subscribe(inbox, {
    callback: (error, message) => {
      if (error !== null) arrived.end(error);
      else if (!arrived.ended) arrived.put(message);
      else if (options.givesBack) giveBack(message);
    },
  });
  const release = endWith(connection, arrived, signal);
  try {
    while (!arrived.ended) {
      const expires = expiresMs();
      const heartbeat = Math.min(HEARTBEAT_MS, expires / 2);
      const request = { batch, expires: nanos(expires), idle_heartbeat: nanos(heartbeat) };
      nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), {
        reply: inbox,
      });
      yield* oneBatch(arrived, options);
    }
  } finally {
    release();
    arrived.end();
    if (options.givesBack) await giveBackAll(connection, subscription, arrived);
    else if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

/** The server hands out messages until it has heard that nobody is here any more. A connection that breaks gives nothing back. */
async function giveBackAll(
  connection: Connection,
  subscription: Subscription,
  arrived: Mailbox<Msg>,
): Promise<void> {
  for (const message of arrived.rest()) giveBack(message);
  if (subscription.isClosed() || !connection.connected) return;
  await whileConnected(connection, 'the end of a read', subscription.drain()).catch(() => undefined);
}

/** A status is nothing that could be given back. */
function giveBack(message: Msg): void {
  if (deliveryOf(message) !== undefined) message.respond(NOT_TAKEN);
}

/** Whoever waits for the next message learns that none can come. */
function endWith(connection: Connection, arrived: Mailbox<Msg>, signal: AbortSignal | undefined): () => void {
  const broke = (): void => arrived.end(new CkptError('EAGAIN', 'the connection to the NATS server broke'));
  const stop = (): void => arrived.end();
  const forget = connection.onStatus((status) => {
    if (status !== 'connected') broke();
  });
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  if (!connection.connected) broke();
  return () => {
    forget();
    signal?.removeEventListener('abort', stop);
  };
}

async function* oneBatch(
  arrived: Mailbox<Msg>,
  options: PullOptions,
): AsyncGenerator<Delivered | typeof EXPIRED> {
  for (let left = options.batch; left > 0; ) {
    const message = await arrived.next(SILENCE_MS);
    // What came before the signal is not given out behind it.
    if (message === undefined || options.signal?.aborted === true) return;
    const delivered = deliveryOf(message);
    if (delivered !== undefined) {
      left--;
      yield delivered;
    } else if (isOver(message, options)) {
      yield EXPIRED;
      return;
    }
  }
}

/** @returns the pull request has ended, and another may be made @throws EAGAIN the consumer is no more */
function isOver({ headers }: Msg, { stream, consumer }: PullOptions): boolean {
  const code = headers?.code ?? 0;
  if (code === STATUS.heartbeat) return false;
  if (code === STATUS.notFound || code === STATUS.timeout) return true;
  const what = `${code} ${headers?.description ?? ''}`.trim();
  throw new CkptError('EAGAIN', `consumer ${consumer} of ${stream} does not answer any more (${what})`);
}
