import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError, CkptError, type ErrorCode } from '@ckptree/errors';
import type { Connection } from '@ckptree/protocol';
import { type CarrierObserver, noObserver } from './observer.js';

export interface PatienceOptions {
  /** How long one operation is tried, outages included; default 5 minutes. */
  readonly patienceMs?: number;
  /** Gives up whatever is under way. */
  readonly signal?: AbortSignal;
  readonly observer?: CarrierObserver;
}

/** Below what a writer's lease is trusted for: who waited longer would be refused at the end. */
const PATIENCE_MS = 5 * 60_000;

/** An answer is waited for so long: at first for little, in case that whoever had the request is gone. */
const FIRST_TIMEOUT_MS = 2_000;
const LONGEST_TIMEOUT_MS = 30_000;

const FIRST_DELAY_MS = 20;
const LONGEST_DELAY_MS = 2_000;

/** Nobody there, too much to do, no answer, or the connection went away under it. */
const TRANSIENT: readonly ErrorCode[] = ['EAGAIN', 'EBUSY', 'ETIMEDOUT', 'EPIPE'];

export const isTransient = (error: unknown): boolean => TRANSIENT.includes(asCkptError(error).code);

/** How often an operation was tried before, and how long this time an answer is waited for. */
export interface Attempt {
  readonly number: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Tries again what failed because a service or the connection is gone, until it works or too much time has passed. */
export class Patience {
  readonly #connection: Connection;
  readonly #patienceMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly observer: CarrierObserver;

  constructor(connection: Connection, options: PatienceOptions) {
    const { patienceMs = PATIENCE_MS, signal, observer = noObserver } = options;
    this.observer = observer;
    this.#connection = connection;
    this.#patienceMs = patienceMs;
    this.#signal = signal;
  }

  /**
   * @param what for messages: `storing packs/0f3a...`
   * @throws what the last attempt threw; ETIMEDOUT never connected in time; EPIPE the connection was closed for good;
   *         EINTR the signal
   */
  async persist<T>(what: string, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#patienceMs;
    for (let number = 0; ; number++) {
      await this.#connected(what, deadline);
      const left = Math.max(1, deadline - performance.now());
      const timeoutMs = Math.min(FIRST_TIMEOUT_MS * 2 ** number, LONGEST_TIMEOUT_MS, left);
      try {
        return await work({ number, timeoutMs, ...(this.#signal && { signal: this.#signal }) });
      } catch (error) {
        if (!isTransient(error)) throw error;
        const delay = delayAfter(number);
        if (performance.now() + delay >= deadline) throw this.#tooLate(what, error);
        this.observer.retried();
        await this.pause(delay);
      }
    }
  }

  /** @throws EINTR the signal */
  async pause(delayMs: number): Promise<void> {
    const signal = this.#signal;
    try {
      await sleep(delayMs, undefined, { ...(signal && { signal }) });
    } catch (error) {
      throw interrupted(error);
    }
  }

  /** While there is no connection, nothing is sent: it would only pile up. */
  async #connected(what: string, deadline: number): Promise<void> {
    const connection = this.#connection;
    for (;;) {
      if (this.#signal?.aborted) throw interrupted(this.#signal.reason);
      if (connection.connected) return;
      const left = deadline - performance.now();
      if (left <= 0)
        throw new CkptError('ETIMEDOUT', `${what}: NATS was out of reach for ${this.#patienceMs} ms`);
      await nextStatus(connection, Math.min(left, LONGEST_DELAY_MS), this.#signal);
    }
  }

  #tooLate(what: string, error: unknown): CkptError {
    const { code, message, fields } = asCkptError(error);
    return new CkptError(code, `${what} was tried for ${this.#patienceMs} ms: ${message}`, fields, error);
  }
}

/** Doubles, with jitter, so that not all come back at once. */
export function delayAfter(attempts: number): number {
  const delay = Math.min(FIRST_DELAY_MS * 2 ** attempts, LONGEST_DELAY_MS);
  return delay / 2 + (Math.random() * delay) / 2;
}

const interrupted = (cause: unknown): CkptError =>
  new CkptError('EINTR', 'the store was left while something was under way', {}, cause);

/** @throws EPIPE the connection is closed for good */
async function nextStatus(
  connection: Connection,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  let closed = false;
  const stopListening = connection.onStatus((status) => {
    closed = status === 'closed';
    stop();
  });
  signal?.addEventListener('abort', stop, { once: true });
  await sleep(timeoutMs, undefined, { signal: end.signal }).catch(() => undefined); // woken early
  signal?.removeEventListener('abort', stop);
  stopListening();
  if (closed) throw new CkptError('EPIPE', 'the connection to NATS was closed while the store was in use');
}
