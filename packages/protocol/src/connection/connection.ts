import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError, isCkptError } from '@ckptree/errors';
import {
  DebugEvents,
  Events,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
} from './nats.js';
import { describe, fromNats } from './nats-error.js';
import { backoff, type ConnectionOptions, natsOptions, notLetIn, type Observation } from './options.js';
import { connect } from './transport.js';

/** Only modules of this folder look behind a connection. */
export const NATS: unique symbol = Symbol('nats');

export type ConnectionStatus = 'connected' | 'disconnected' | 'closed';

const CONNECT_TIMEOUT_MS = 10_000;
/** How long a request to JetStream may take. */
export const API_TIMEOUT_MS = 5_000;
/** Longest that close() waits for what is under way. */
const DRAIN_TIMEOUT_MS = 10_000;

/** What modules of this folder use. */
interface Inner {
  readonly inboxPrefix: string;
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
}

/** A connection to NATS, for as long as the process lives: it comes back by itself after any outage. */
export class Connection {
  readonly [NATS]: Inner;
  readonly name: string;
  readonly #observe: (observation: Observation) => void;
  readonly #listeners = new Set<(status: ConnectionStatus) => void>();
  #status: ConnectionStatus = 'connected';

  private constructor(inner: Inner, { name, observe }: ConnectionOptions) {
    this[NATS] = inner;
    this.name = name;
    this.#observe = observe ?? (() => undefined);
  }

  /**
   * @throws ETIMEDOUT no server was found in time; EPERM it does not let us in; EINVAL, ENOENT options; EINTR `signal`
   */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const delays = backoff();
    const connection = await firstConnection(options, delays.next);
    try {
      const jetstream = connection.jetstream({ timeout: API_TIMEOUT_MS });
      const manager = await jetstream.jetstreamManager(false);
      const inboxPrefix = options.inboxPrefix ?? '_INBOX';
      const opened = new Connection({ connection, jetstream, manager, inboxPrefix }, options);
      opened.#follow(delays.reset, options.onError);
      return opened;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** For `health`: messages go through now. */
  get connected(): boolean {
    return this.#status === 'connected';
  }

  /** Largest message that the server takes, in bytes. */
  get maxPayload(): number {
    return this[NATS].connection.info?.max_payload ?? 2 ** 20;
  }

  /** @throws EINTR `signal`; EPIPE the connection was closed */
  async whenConnected(signal?: AbortSignal): Promise<void> {
    while (this.#status === 'disconnected' && signal?.aborted !== true)
      await new Promise<void>((resolve) => {
        const done = (): void => {
          forget();
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const forget = this.onStatus(done);
        signal?.addEventListener('abort', done, { once: true });
      });
    if (signal?.aborted === true) throw givenUp(signal.reason);
    if (this.#status === 'closed')
      throw new CkptError('EPIPE', 'the connection to the NATS server is closed');
  }

  /** @returns what ends it */
  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells metrics what became of a message. */
  observe(observation: Observation): void {
    this.#observe(observation);
  }

  /** Resolves when the server has everything that was published before. */
  async flush(): Promise<void> {
    await this[NATS].connection.flush();
  }

  /** Takes nothing more, lets what is under way come to its end for a while, and disconnects. */
  async close(): Promise<void> {
    const { connection } = this[NATS];
    if (connection.isClosed()) return;
    const timer = AbortSignal.timeout(DRAIN_TIMEOUT_MS);
    const drained = this.connected ? connection.drain() : connection.close();
    await Promise.race([
      drained.catch((error) => {
        // A server that went away meanwhile has nothing left to drain.
        if (!isGone(error)) throw error;
      }),
      new Promise<void>((resolve) => timer.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    await connection.close();
  }

  #follow(reconnected: () => void, refused: ConnectionOptions['onError']): void {
    const { connection } = this[NATS];
    void (async () => {
      for await (const { type, data, permissionContext } of connection.status()) {
        if (type === Events.Error && permissionContext !== undefined)
          refused?.(
            new CkptError(
              'EPERM',
              `the NATS user of ${this.name} may not ${permissionContext.operation} ${permissionContext.subject} (${String(data)})`,
            ),
          );
        if (type === Events.Disconnect) this.#become('disconnected');
        if (type === Events.Reconnect) {
          reconnected();
          this.#become('connected');
        }
        // The server is silent: the client reconnects, and says so only when that is done.
        if (type === DebugEvents.StaleConnection) this.#become('disconnected');
      }
    })();
    void connection.closed().then(() => this.#become('closed'));
  }

  #become(status: ConnectionStatus): void {
    if (this.#status === status || this.#status === 'closed') return;
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }
}

async function firstConnection(options: ConnectionOptions, delay: () => number): Promise<NatsConnection> {
  const { url, connectTimeoutMs = CONNECT_TIMEOUT_MS, signal } = options;
  const settings = natsOptions(options, delay);
  const deadline = performance.now() + connectTimeoutMs;
  for (;;) {
    if (signal?.aborted === true) throw givenUp(signal.reason);
    try {
      return await connect(settings);
    } catch (error) {
      const known = fromNats(error, {
        responder: 'the NATS server',
        what: 'connecting',
        timeoutMs: connectTimeoutMs,
      });
      if (known.code === 'EPERM') throw notLetIn(options, error);
      if (performance.now() >= deadline)
        throw new CkptError(
          'ETIMEDOUT',
          `no NATS server answers at ${String(url)} (${describe(error).message}); start one (\`ckptree up\` does, with a cluster), or say where one is (NATS_URL)`,
          {},
          error,
        );
      await sleep(Math.min(delay(), Math.max(deadline - performance.now(), 0)), undefined, { signal }).catch(
        (cause) => {
          throw givenUp(cause);
        },
      );
    }
  }
}

const givenUp = (cause: unknown): CkptError =>
  new CkptError('EINTR', 'waiting for the NATS server was given up', {}, cause);

const isGone = (error: unknown): boolean =>
  !isCkptError(error) && /CLOSED|DRAINING|DISCONNECT/.test(describe(error).code);
