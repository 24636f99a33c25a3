import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';
import type { Entry, Records, WorkerRecord } from '@ckptree/protocol';
import { hostOwners } from '@ckptree/store';

/** One that lives is heard within this: twice the usual time between two heartbeats, and some. */
const LISTEN_MS = 5_000;
const LOOK_MS = 250;

type Workers = Pick<Records['workers'], 'get' | 'create' | 'update'>;

/**
 * Puts the record of a worker in place of what one that has died left behind. Two workers of one id would both answer what is asked
 * of it, each for its own tasks; of several that claim it at once, one gets it.
 * @returns the revision of the record
 * @throws EEXIST there is a worker of this id; as writing a record does
 */
export async function claimId(workers: Workers, record: WorkerRecord, signal: AbortSignal): Promise<number> {
  const { worker } = record;
  const left = await leftBehind(workers, worker, signal);
  const revision =
    left === undefined
      ? await workers.create(worker, record)
      : await workers.update(worker, record, left.revision);
  if (revision !== undefined) return revision;
  throw idIsTaken(worker, (await workers.get(worker))?.value);
}

export const idIsTaken = (worker: string, by: WorkerRecord | undefined): CkptError =>
  new CkptError(
    'EEXIST',
    `there is a worker ${worker} already${by === undefined ? '' : `, process ${by.process} on ${by.host}`}; give this one another --id`,
    { worker },
  );

/** What a worker of this id that has died left behind, if anything. @throws EEXIST it lives */
async function leftBehind(
  workers: Workers,
  worker: string,
  signal: AbortSignal,
): Promise<Entry<WorkerRecord> | undefined> {
  const before = await workers.get(worker);
  if (before === undefined || isKnownToBeOver(before.value)) return before;
  for (const deadline = performance.now() + LISTEN_MS; performance.now() < deadline; ) {
    await sleep(LOOK_MS, undefined, { signal });
    const now = await workers.get(worker);
    if (now === undefined) return undefined;
    if (now.revision !== before.revision) throw idIsTaken(worker, now.value);
  }
  return before;
}

/** Only where pids mean the same can be seen that a process is gone; whoever says less of itself is listened for. */
const isKnownToBeOver = ({ token }: WorkerRecord): boolean =>
  token !== undefined && hostOwners().state(token) === 'dead';
