import type { Random } from '../engine/random.js';
import type { Straggling } from './straggling.js';

/**
 * What is done about a cut that does not fit its lease.
 * - `retry`: again after a pause, with the same lease;
 * - `double`: the same, with twice the lease each time;
 * - `renew`: workers that are frozen are told to hold on for another lease while one is missing, up to a limit.
 */
export type LeasePolicy =
  | { readonly kind: 'retry' | 'double'; readonly lease: number }
  | { readonly kind: 'renew'; readonly lease: number; readonly limit: number };

/** A cut until it succeeded or was given up. Seconds. */
export interface PolicyOutcome {
  readonly succeeded: boolean;
  readonly tries: number;
  /** The sum of all standstills. */
  readonly stoodStill: number;
  /** The longest single one. */
  readonly longest: number;
}

const TRIES_MOST = 5;
/** Between two tries: what caused the first to fail should be over. */
const PAUSE = 2;

/** The time from `prepare` to the last answer. */
export interface Answers {
  readonly workers: number;
  /** What a cut takes when nobody is late. */
  readonly least: number;
  readonly straggling: Straggling;
}

export function tryCut(
  policy: LeasePolicy,
  { workers, least, straggling }: Answers,
  random: Random,
): PolicyOutcome {
  let stoodStill = 0;
  let longest = 0;
  let left = 0;
  let lease = policy.kind === 'renew' ? Math.max(policy.lease, policy.limit) : policy.lease;
  for (let tries = 1; ; tries++) {
    // A worker that was stalled still is, if its stall was longer than the pause.
    const answered = least + Math.max(straggling.drawLatest(random, workers), left);
    const still = Math.min(answered, lease);
    stoodStill += still;
    longest = Math.max(longest, still);
    const succeeded = answered <= lease;
    if (succeeded || tries === TRIES_MOST) return { succeeded, tries, stoodStill, longest };
    left = Math.max(0, answered - lease - PAUSE);
    if (policy.kind === 'double') lease *= 2;
  }
}

/** P(the cut fits its lease): all workers answer within it, and none of them is lost. */
export function fits({ workers, least, straggling }: Answers, lease: number, lost: number): number {
  return straggling.allWithin(lease - least, workers) * (1 - lost) ** workers;
}
