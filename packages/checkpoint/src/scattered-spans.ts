import { LEAF_SHIFT } from '@ckptree/model';
import type { Baseline } from '@ckptree/store';

/** Half of what a leaf maps: 1 MiB, what a chunk holds at most. */
const SPAN_SHIFT = LEAF_SHIFT - 1;
export const SPAN_SIZE = 2 ** SPAN_SHIFT;
export const SPAN_PAGES = 256;

/** Pages of a span that stand in so many places are worth to be stored anew, together. */
const SCATTERED = 48;
/** Beside each changed page, so much of one may be stored anew: what a checkpoint costs stays what changed. */
const SHARE = 1 / 4;

/** The spans whose pages are stored anew, by their numbers. */
export type SpanSet = ReadonlySet<number>;

export const spanOf = (address: number): number => Math.floor(address / SPAN_SIZE);

/**
 * Spans whose pages are scattered in the store, the worst first, and as many as the changed pages pay for. Over the
 * epochs, that is: with few changes, a span has its turn now and then.
 * @param changed pages that are stored in any case
 */
export function scatteredSpans(baseline: Baseline, changed: number): SpanSet {
  const due = (epoch: number): number => Math.floor((epoch * changed * SHARE) / SPAN_PAGES);
  const allowed = due(baseline.epoch + 1) - due(baseline.epoch);
  if (allowed === 0) return NONE;
  const scattered = [...baseline.jumps(SPAN_SIZE)].filter(([, jumps]) => jumps >= SCATTERED);
  scattered.sort(([, a], [, b]) => b - a);
  return new Set(scattered.slice(0, allowed).map(([span]) => span));
}

export const NONE: SpanSet = new Set();
