import { createHash } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import {
  type CheckpointRequest,
  type Connection,
  type Labels,
  queueRequest,
  recordsOf,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import type { AskOptions } from './ask.js';
import { CheckpointHandle, TIMEOUT_MS } from './checkpoint-handle.js';
import { deadlineAfter, orBefore } from './deadline.js';

export interface CheckpointOptions extends AskOptions {
  /** Fail with EBUSY when the tree shares an object with tasks outside of it. */
  readonly container?: boolean;
  readonly name?: string;
  readonly labels?: Labels;
  /** The tasks stay frozen until they are thawed. */
  readonly leaveFrozen?: boolean;
  /** The tasks are killed once the checkpoint is complete. */
  readonly stop?: boolean;
  /** Requests with the same key are the same checkpoint, however often, and by whomever, they are sent. */
  readonly key?: string;
  /** Longest that tasks may stand still. */
  readonly leaseMs?: number;
  /** It fails when it has not ended by then; the same for the wait. */
  readonly timeoutMs?: number;
}

/** How long a request may take to be accepted, outages of NATS left out. */
const ACCEPT_MS = 15_000;

/**
 * @returns when the request is accepted: it will be dealt with, whoever dies
 * @throws as Client.checkpoint()
 */
export async function requestCheckpoint(
  connection: Connection,
  pid: number,
  options: CheckpointOptions,
): Promise<CheckpointHandle> {
  const { leaveFrozen, stop, key, timeoutMs, signal } = options;
  if (leaveFrozen === true && stop === true)
    throw new CkptError('EINVAL', 'a tree cannot be left frozen and be stopped; choose one', {
      field: 'stop',
    });
  const waitMs = timeoutMs ?? TIMEOUT_MS;
  const deadline = deadlineAfter(waitMs);
  const either = orBefore(deadline, signal);
  const fresh = newManifestId();
  try {
    const id = key === undefined ? fresh : await idOfKey(connection, key, fresh, either);
    // Also for a key that is known: whoever made it may have died before it sent the request.
    await queueRequest(connection, requestOf(id, pid, options), { timeoutMs: ACCEPT_MS, signal: either });
    return new CheckpointHandle(connection, id, {
      old: id !== fresh,
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true || !deadline.aborted) throw error;
    const message = `the checkpoint of task ${pid} was not accepted within ${waitMs} ms; it may be taken all the same`;
    throw new CkptError('ETIMEDOUT', message, {}, error);
  }
}

function requestOf(checkpoint: string, pid: number, options: CheckpointOptions): CheckpointRequest {
  const { container, name, labels, leaveFrozen, stop, key, leaseMs, timeoutMs } = options;
  return {
    version: 1,
    checkpoint,
    pid,
    requested: new Date().toISOString(),
    ...(container !== undefined && { container }),
    ...(name !== undefined && { name }),
    ...(labels !== undefined && { labels }),
    ...(leaveFrozen !== undefined && { leaveFrozen }),
    ...(stop !== undefined && { stop }),
    ...(key !== undefined && { key }),
    ...(leaseMs !== undefined && { leaseMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** The checkpoint that a key stands for: that of whoever came first. */
async function idOfKey(
  connection: Connection,
  key: string,
  fresh: string,
  signal: AbortSignal,
): Promise<string> {
  const { keys } = recordsOf(connection, signal);
  const hash = createHash('sha256').update(key).digest('hex');
  if ((await keys.create(hash, { version: 1, id: fresh })) !== undefined) return fresh;
  const known = await keys.get(hash);
  if (known === undefined)
    throw new CkptError('EAGAIN', 'the idempotency key expired at this very moment; try again');
  return known.value.id;
}
