import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { CkptError } from '@ckptree/errors';
import { connect, type NatsConnection } from 'nats';
import { type Timing, timed } from '../measure.js';
import { SUBJECT } from './nats-subjects.js';
import { cpuSecondsOf } from './process-cpu.js';

const SCRIPT = new URL('./nats-peer-process.js', import.meta.url);
const TIMEOUT_MS = 60_000;
/** As long as the messages with which a coordinator asks. */
const QUESTION = new Uint8Array(160);
/** Bytes that are given to the client before what was given earlier has left for the server. */
const AHEAD = 8 * 2 ** 20;

/** What a NATS server does by itself between this process and another one, through the client that ckptree has. */
export class NatsPeer {
  readonly #child: ChildProcess;
  readonly #connection: NatsConnection;

  private constructor(child: ChildProcess, connection: NatsConnection) {
    this.#child = child;
    this.#connection = connection;
  }

  /** @throws EPIPE the other process does not start */
  static async start(url: string): Promise<NatsPeer> {
    const child = fork(SCRIPT, [url]);
    const ended = once(child, 'exit').then(() => false);
    const ready = once(child, 'message').then(() => true);
    if (!(await Promise.race([ready, ended])))
      throw new CkptError('EPIPE', 'the process at the other end of NATS ended before it was ready');
    return new NatsPeer(child, await connect({ servers: url }));
  }

  /** One small request and its answer. @returns microseconds */
  async roundTrip(): Promise<number> {
    const start = performance.now();
    await this.#connection.request(SUBJECT.echo, QUESTION, { timeout: TIMEOUT_MS });
    return (performance.now() - start) * 1e3;
  }

  /**
   * Publishes bytes, until the subscriber has them all.
   * @param server the process of the server, whose cost is counted as well
   */
  async publish(bytes: number, messageBytes: number, server?: number): Promise<Timing> {
    const message = new Uint8Array(messageBytes);
    const others = [this.#child.pid!, ...(server === undefined ? [] : [server])];
    const before = cpuSecondsOf(others);
    const { seconds, cpuSeconds } = await timed(async () => {
      const connection = this.#connection;
      const received = connection.request(SUBJECT.expect, `${bytes}`, { timeout: TIMEOUT_MS });
      let ahead = 0;
      let left: Promise<void> = Promise.resolve();
      for (let sent = 0; sent < bytes; sent += messageBytes) {
        connection.publish(SUBJECT.bulk, message.subarray(0, bytes - sent));
        ahead += messageBytes;
        if (ahead < AHEAD / 2) continue;
        await left;
        left = connection.flush();
        ahead = 0;
      }
      await received;
    });
    return { seconds, cpuSeconds: cpuSeconds + cpuSecondsOf(others) - before };
  }

  async stop(): Promise<void> {
    await this.#connection.close();
    const ended = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}
