import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError, isCkptError } from '@ckptree/errors';
import {
  type Connection,
  type Definition,
  type Endpoint,
  isUnanswered,
  isUnserved,
  type ReplyOf,
  type RequestOf,
  request,
} from '@ckptree/protocol';
import { deadlineAfter, orBefore } from './deadline.js';

export interface AskOptions {
  /** How long to try in all; default 60 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 60_000;
/** A coordinator that has taken a request may die: after so long without an answer the next one is asked. */
const ATTEMPT_MS = 15_000;
const DELAY_MS = 200;

/**
 * Asks a coordinator, and asks again when none is there, when it ends or dies before it has answered, and after an outage of NATS.
 * What is asked must be such that asking twice is as asking once.
 * @throws what the coordinator answers; EAGAIN none came in time; ETIMEDOUT it did not answer in time; EINTR `signal`
 */
export async function ask<D extends Definition>(
  connection: Connection,
  endpoint: Endpoint<D>,
  body: RequestOf<D>,
  { timeoutMs = TIMEOUT_MS, signal }: AskOptions = {},
): Promise<ReplyOf<D>> {
  const deadline = deadlineAfter(timeoutMs);
  const either = orBefore(deadline, signal);
  const started = performance.now();
  let last: unknown;
  for (;;) {
    try {
      await connection.whenConnected(either);
      const left = Math.max(timeoutMs - (performance.now() - started), 1);
      return await request(connection, endpoint, body, {
        timeoutMs: Math.min(ATTEMPT_MS, left),
        signal: either,
      });
    } catch (error) {
      if (signal?.aborted !== true && deadline.aborted) throw tooLate(endpoint, timeoutMs, last ?? error);
      if (!isCkptError(error) || !isForTheNext(error)) throw error;
      last = error;
    }
    await sleep(DELAY_MS, undefined, { signal: either }).catch(() => undefined);
  }
}

/** No coordinator has done it, as far as is known; another may. */
const isForTheNext = (error: CkptError): boolean =>
  isUnserved(error) || isUnanswered(error) || error.code === 'ERESTART';

function tooLate({ name, responder }: Endpoint, timeoutMs: number, last: unknown): CkptError {
  if (isCkptError(last) && isUnserved(last)) return last;
  return new CkptError('ETIMEDOUT', `${responder} did not answer ${name} within ${timeoutMs} ms`, {}, last);
}
