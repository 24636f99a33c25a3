import type { Assumptions } from '../costs/assumptions.js';
import type { Random } from '../engine/random.js';

/** How late a worker comes round to a message. */
export interface Straggling {
  draw(random: Random): number;
  /** P(one is later than this). */
  later(seconds: number): number;
  /** P(none of so many is later). */
  allWithin(seconds: number, workers: number): number;
  /** The latest of so many, drawn at once: by the inverse of its distribution. */
  drawLatest(random: Random, workers: number): number;
}

/** Doublings and halvings that find a time to within a millionth of a millionth of it. */
const STEPS = 40;

/**
 * One of three: most wait their turn, some are in a pause, few are stalled. A mixture, so that its distribution is known in
 * closed form, and with it that of the latest of many: the simulation is held against it.
 */
export function straggling(assumed: Assumptions): Straggling {
  const { meanWait, pauseShare, meanPause, stallShare, leastStall, stallAlpha } = assumed;
  const waitShare = 1 - pauseShare - stallShare;
  const later = (seconds: number): number =>
    waitShare * Math.exp(-seconds / meanWait) +
    pauseShare * Math.exp(-seconds / meanPause) +
    stallShare * Math.min(1, (leastStall / seconds) ** stallAlpha);
  const allWithin = (seconds: number, workers: number): number =>
    seconds <= 0 ? 0 : Math.exp(workers * Math.log1p(-later(seconds)));
  return {
    later,
    allWithin,
    draw(random) {
      const kind = random.uniform();
      if (kind < stallShare) return random.pareto(leastStall, stallAlpha);
      return random.exponential(kind < stallShare + pauseShare ? meanPause : meanWait);
    },
    drawLatest(random, workers) {
      const share = random.uniform();
      return inverse((seconds) => allWithin(seconds, workers) >= share);
    },
  };
}

/** The least time for which something that stays true becomes true. */
function inverse(reached: (seconds: number) => boolean): number {
  let high = 1e-3;
  while (!reached(high) && high < 1e12) high *= 2;
  let low = 0;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (reached(middle)) high = middle;
    else low = middle;
  }
  return high;
}
