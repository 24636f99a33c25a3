import { asCkptError, type ErrorCode, isCkptError } from '@ckptree/errors';
import type { DrillRecord } from './record.js';

/** What a user may be told while processes die and stand still. All else says that somebody did something wrong. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set([
  'EAGAIN', // nobody is there to do it
  'EBUSY', // something else is under way with these tasks
  'EEXIST', // what is to be started runs: it was lost with a worker that is back
  'EINTR', // it was cancelled
  'EPIPE', // a worker is gone, and what it did
  'ESRCH', // the task has ended, or was lost
  'ETIMEDOUT', // no answer came, or the tasks did not stop
]);
/** As they are counted: of what names a worker, which may be gone by then. */
const EXPECTED_OF: ReadonlySet<string> = new Set(['restart on one worker: ENOENT']);
/** Nobody waits for longer: everything that a cluster does has a limit, and what stands still here does not stand for longer than 12 s. */
const LIMIT_MS = 150_000;

/** Asks something of a cluster. @returns undefined when it was refused, as may be; what may not be is a violation */
export async function attempt<T>(
  record: DrillRecord,
  what: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const began = performance.now();
  try {
    return await work();
  } catch (error) {
    const { code, message } = asCkptError(error);
    const told = `${what}: ${code}`;
    if (!isCkptError(error) || !(EXPECTED.has(code) || EXPECTED_OF.has(told) || record.isExplained(told)))
      record.violation(`${what} was told ${code}: ${message}`);
    record.count(told, message);
    return undefined;
  } finally {
    const took = performance.now() - began;
    if (took > LIMIT_MS) record.violation(`${what} took ${(took / 1e3).toFixed(0)} s`);
  }
}
