import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Pace } from '../dist/cpu/pace.js';

/** What a cpu may be ahead and late by, in milliseconds; a single tick may always be executed. */
const [AHEAD_MS, LATE_MS, UNSLEPT_MS] = [10, 10, 1];

/** A clock that only goes on when it is told to, and a cpu that executes ticks by it. */
function pacing(ticksPerSecond?: number) {
  let nowMs = 1_000;
  const pace = new Pace(ticksPerSecond, () => nowMs);
  const executed: { readonly atMs: number; readonly ticks: number }[] = [];
  return {
    pace,
    executed,
    /** Everything that may be executed now, up to so many quanta. */
    run(quanta: number, most: number) {
      for (let count = 0; count < quanta && pace.restMs === 0; count++) {
        const ticks = pace.quantum(most);
        executed.push({ atMs: nowMs, ticks });
        pace.spend(ticks);
      }
    },
    sleep(ms: number) {
      nowMs += ms;
    },
  };
}

const rates = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000_000_000 }));
const naps = fc.array(
  fc.nat(500_000).map((us) => us / 1e3),
  { minLength: 1, maxLength: 60 },
);

test('between any two moments there are no more ticks than the rate says', () => {
  fc.assert(
    fc.property(rates, naps, fc.integer({ min: 1, max: 128 }), (ticksPerSecond, waits, most) => {
      const { run, sleep, executed } = pacing(ticksPerSecond);
      for (const ms of waits) {
        run(200, most);
        sleep(ms);
      }
      // What a stretch that ends here has beyond its rate, at most: it begins with this tick, or where the last one's began.
      let [ahead, mostAhead, lastMs] = [0, 0, 0];
      for (const { atMs, ticks } of executed) {
        ahead = Math.max(0, ahead - ((atMs - lastMs) * ticksPerSecond) / 1e3) + ticks;
        mostAhead = Math.max(mostAhead, ahead);
        lastMs = atMs;
      }
      const may = ((AHEAD_MS + LATE_MS + UNSLEPT_MS) * ticksPerSecond) / 1e3 + 1;
      expect(mostAhead).toBeLessThanOrEqual(may * (1 + 1e-9));
    }),
    { numRuns: 200 },
  );
});

test('who rests as long as it says, and is never late, comes to the rate', () => {
  fc.assert(
    fc.property(rates, (ticksPerSecond) => {
      const { pace, run, sleep, executed } = pacing(ticksPerSecond);
      let sleptMs = 0;
      for (let rests = 0; rests < 20; rests++) {
        run(Number.POSITIVE_INFINITY, 128);
        const ms = pace.restMs;
        expect(ms).toBeGreaterThan(0);
        sleep(ms);
        sleptMs += ms;
      }
      const total = executed.reduce((sum, { ticks }) => sum + ticks, 0);
      expect(total / ((sleptMs / 1e3) * ticksPerSecond)).toBeCloseTo(1, 6);
    }),
    { numRuns: 100 },
  );
});

test('without a rate there is no rest', () => {
  const { pace } = pacing();
  expect(pace.isLimited).toBe(false);
  expect(pace.quantum(128)).toBe(128);
  pace.spend(1e9);
  expect(pace.restMs).toBe(0);
});
