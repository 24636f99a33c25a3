import { CkptError } from '@ckptree/errors';

/** The longest that a timer of Node waits, 24.8 days; for more it would not wait at all. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Raised after so long; for ever is 24.8 days.
 * @throws EINVAL it is no time
 */
export function deadlineAfter(timeoutMs: number): AbortSignal {
  if (!(timeoutMs >= 0))
    throw new CkptError('EINVAL', `timeoutMs is ${timeoutMs}; it must be a number of milliseconds`, {
      field: 'timeoutMs',
    });
  return AbortSignal.timeout(Math.min(Math.ceil(timeoutMs), LONGEST_MS));
}

/** Raised at the deadline, or by whoever gives up before. */
export const orBefore = (deadline: AbortSignal, signal: AbortSignal | undefined): AbortSignal =>
  signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
