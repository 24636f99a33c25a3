import { setTimeout as sleep } from 'node:timers/promises';
import { asCkptError } from '@ckptree/errors';
import { type Connection, recordsOf } from '@ckptree/protocol';
import type { Log } from '../log/log.js';

const POLL_MS = 250;
/** So often the log says that it still waits. */
const REMIND_MS = 30_000;

/**
 * Waits until the streams and buckets of the cluster are there. Only the coordinator may make them (ensureCluster), as
 * who makes a stream can have it say anything.
 * @throws EPERM this user may not see them either; EINTR the service is to end
 */
export async function awaitCluster(
  connection: Connection,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const { workers } = recordsOf(connection);
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    let why: unknown;
    try {
      if (await workers.isReady()) return;
    } catch (error) {
      const { code } = asCkptError(error);
      if (code === 'EPERM' || code === 'EPIPE') throw error;
      why = error;
    }
    if (waitedMs % REMIND_MS === 0)
      log.warn(
        why === undefined ? {} : { err: why },
        'no coordinator has set this cluster up yet; one is waited for',
      );
    await sleep(POLL_MS, undefined, { signal });
  }
}
