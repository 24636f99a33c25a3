import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError, isCkptError } from '@ckptree/errors';
import type { Connection } from './connection.js';
import { backoff } from './options.js';

export interface RetryOptions {
  /** Time in which the connection is up; what an outage takes is not counted. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does something that may be done twice until it succeeds, over outages of NATS and of whoever answers.
 * @param work told how much time is left
 * @throws its error, when trying again cannot help (all but EAGAIN and ETIMEDOUT), or the time is over; EINTR `signal`
 */
export async function retrying<T>(
  connection: Connection,
  { timeoutMs, signal }: RetryOptions,
  work: (leftMs: number) => Promise<T>,
): Promise<T> {
  const delays = backoff();
  let leftMs = timeoutMs;
  for (;;) {
    await connection.whenConnected(signal);
    const started = performance.now();
    try {
      return await work(Math.max(leftMs, 1));
    } catch (error) {
      const outage = !connection.connected;
      if (!outage) leftMs -= performance.now() - started;
      const passing = isCkptError(error) && (error.code === 'EAGAIN' || error.code === 'ETIMEDOUT');
      const delay = delays.next();
      // An attempt without time would end by saying nothing but that.
      if (!passing || leftMs <= delay) throw error;
      await sleep(delay, undefined, { signal }).catch(() => {
        throw new CkptError('EINTR', 'trying again was given up', {}, error);
      });
      leftMs -= delay;
    }
  }
}
