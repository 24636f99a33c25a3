import { setTimeout as sleep } from 'node:timers/promises';
import { isCkptError } from '@ckptree/errors';
import { type ClusterOptions, type Connection, ensureCluster } from '@ckptree/protocol';
import type { Log } from '../log/log.js';

const AGAIN_MS = 500;

/**
 * Makes the streams and buckets of the cluster, for as long as it takes: a server that comes back from an outage, or whose
 * disk is busy, may not answer in time.
 * @throws EPERM this user may not; AbortError the service is to end; EPIPE the connection is closed
 */
export async function makeCluster(
  connection: Connection,
  options: ClusterOptions,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    try {
      return await ensureCluster(connection, options);
    } catch (error) {
      if (!isCkptError(error) || !['ETIMEDOUT', 'EAGAIN'].includes(error.code)) throw error;
      log.warn({ err: error }, 'JetStream does not answer yet; it is asked again until it does');
    }
    await sleep(AGAIN_MS, undefined, { signal });
  }
}
