import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError, type CkptError, isCkptError } from '@ckptree/errors';
import { CheckpointRequest } from '../messages/checkpoint-request.js';
import { messageBytes, parseMessage } from '../schema/json-message.js';
import { checkVersion, validated } from '../schema/validation.js';
import { STREAMS, SUBJECTS } from '../subjects.js';
import { API_TIMEOUT_MS, type Connection, NATS } from './connection.js';
import type { Delivered } from './delivered.js';
import { jetstreamPublish, type Published } from './jetstream-publish.js';
import { AckPolicy, DeliverPolicy, nanos } from './nats.js';
import { fromNats } from './nats-error.js';
import { backoff } from './options.js';
import { EXPIRED, pull } from './pull.js';
import { type RetryOptions, retrying } from './retry.js';

/** A request that was taken from the queue: it comes again unless it is acknowledged. */
export interface QueuedRequest {
  readonly request: CheckpointRequest;
  /** How often it was taken, this time included. */
  readonly attempts: number;
  /** It is dealt with. @returns false when that could not be told: it will come again */
  ack(): Promise<boolean>;
  /** It is to come again, after so long. */
  retry(delayMs: number): void;
  /** It is being dealt with: it must not come again yet. */
  working(): void;
}

export interface RequestQueueOptions {
  /** A request that was taken and not acknowledged comes again after so long. Default 30 s. */
  readonly ackWaitMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told of what is no request; it is taken out of the queue. */
  readonly onInvalid?: (error: CkptError, content: Uint8Array) => void;
}

/** All coordinators take from the same consumer, so each request goes to one of them. */
const CONSUMER = 'coordinator';
const ACK_WAIT_MS = 30_000;
const BATCH = 16;

/** Puts a checkpoint request into the queue. @returns when it is accepted: it will be dealt with, whoever dies */
export function queueRequest(
  connection: Connection,
  request: CheckpointRequest,
  retry: RetryOptions = { timeoutMs: API_TIMEOUT_MS },
): Promise<Published> {
  validated(CheckpointRequest, request, 'the checkpoint request');
  const content = messageBytes(request);
  return retrying(connection, retry, (leftMs) =>
    jetstreamPublish(connection, SUBJECTS.checkpointRequest, content, {
      id: request.checkpoint,
      timeoutMs: Math.min(API_TIMEOUT_MS, leftMs),
    }),
  );
}

/**
 * Requests from the work queue, over any outage. Ends without a word when the signal says so.
 * @throws EPERM this user may not; EPIPE the connection was closed
 */
export async function* takeRequests(
  connection: Connection,
  options: RequestQueueOptions = {},
): AsyncGenerator<QueuedRequest> {
  const { signal, ackWaitMs = ACK_WAIT_MS } = options;
  const delays = backoff();
  const stopped = (): boolean => signal?.aborted === true;
  while (!stopped()) {
    try {
      await connection.whenConnected(signal);
      await ensureConsumer(connection, ackWaitMs);
      const source = { stream: STREAMS.requests, consumer: CONSUMER, batch: BATCH };
      const pulled = pull(connection, { ...source, givesBack: true, signal });
      for await (const delivered of pulled) {
        if (delivered === EXPIRED) continue;
        delays.reset();
        const taken = requestOf(connection, delivered, options);
        if (taken !== undefined) yield taken;
      }
    } catch (error) {
      if (stopped()) return;
      // The stream may not be there yet: whoever sets the cluster up makes it.
      if (!isCkptError(error) || !['EAGAIN', 'ETIMEDOUT', 'EIO'].includes(error.code)) throw error;
      await sleep(delays.next(), undefined, { signal }).catch(() => undefined);
    }
  }
}

async function ensureConsumer(connection: Connection, ackWaitMs: number): Promise<void> {
  try {
    await connection[NATS].manager.consumers.add(STREAMS.requests, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs),
      max_deliver: -1,
    });
  } catch (error) {
    const asked = { responder: 'JetStream', what: `reading ${STREAMS.requests}`, timeoutMs: API_TIMEOUT_MS };
    throw fromNats(error, asked);
  }
}

function requestOf(
  connection: Connection,
  { message, attempts }: Delivered,
  { onInvalid }: RequestQueueOptions,
): QueuedRequest | undefined {
  try {
    const what = 'the checkpoint request';
    const body = parseMessage(message.data, what);
    checkVersion(body, what);
    const request = validated(CheckpointRequest, body, what);
    return {
      request,
      attempts,
      ack: () => acknowledged(connection, message.reply ?? ''),
      retry: (delayMs) => void message.respond(`-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`),
      working: () => void message.respond('+WPI'),
    };
  } catch (error) {
    const known = asCkptError(error);
    connection.observe({ name: 'checkpoint-request', outcome: 'invalid', code: known.code, durationMs: 0 });
    onInvalid?.(known, message.data);
    message.respond('+TERM');
    return undefined;
  }
}

/** An acknowledgement that the server confirms: https://docs.nats.io/using-nats/developer/develop_jetstream/model_deep_dive */
async function acknowledged(connection: Connection, subject: string): Promise<boolean> {
  try {
    await connection[NATS].connection.request(subject, '+ACK', { timeout: API_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}
