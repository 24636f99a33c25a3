import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Records, WorkerRecord } from '@ckptree/protocol';

/** One that lives is heard within this: twice the usual time between two heartbeats, and some. */
const LISTEN_MS = 5_000;
const LOOK_MS = 250;

/**
 * Two workers of one id would both answer what is asked of it, each for its own tasks. What one that has died left behind is no
 * hindrance.
 * @throws EEXIST there is a worker of this id
 */
export async function checkIdIsFree(
  workers: Records['workers'],
  worker: string,
  signal: AbortSignal,
): Promise<void> {
  const before = await workers.get(worker);
  if (before === undefined || isKnownToBeOver(before.value)) return;
  for (const deadline = performance.now() + LISTEN_MS; performance.now() < deadline; ) {
    await sleep(LOOK_MS, undefined, { signal });
    const now = await workers.get(worker);
    if (now === undefined) return;
    if (now.revision === before.revision) continue;
    const { host, process: pid } = now.value;
    throw new CkptError(
      'EEXIST',
      `there is a worker ${worker} already, process ${pid} on ${host}; give this one another --id`,
      { worker },
    );
  }
}

/** A process of this machine that is gone; in a container that was started again the new one may have its pid. */
function isKnownToBeOver({ host, process: pid }: WorkerRecord): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
