import { Type } from '@ckptree/schema';
import { conclude, machine } from './machine.js';
import { heapMemory, mapMemory } from './memory.js';
import { CountParam } from './param-types.js';

const FLAGS_PER_TICK = 512;
const COUNTED_PER_TICK = 4096;

/** Primes below each power of ten (OEIS A006880), by the number of flags below it. */
const MILESTONES = new Map(
  [4, 25, 168, 1229, 9592, 78_498, 664_579, 5_761_455, 50_847_534].map((primes, index) => [
    10 ** (index + 1) / 2,
    primes,
  ]),
);

/**
 * The sieve of Eratosthenes over odd numbers: flag `i`, a byte, stands for `2 * i + 1` and is set when a prime
 * divides it. All flags are counted last, so that a flag that went wrong on the way is noticed at a milestone.
 */
export const sieve = machine({
  name: 'sieve',
  summary: 'Counts the primes up to a limit; writes half a byte of memory for each number.',
  params: Type.Object(
    { limit: CountParam(1_000_000, 2, 1_000_000_000, 'The largest number that is looked at.') },
    { additionalProperties: false },
  ),
  variables: ['limit', 'flags', 'flagCount', 'prime', 'multiple', 'cursor', 'count', 'result'],

  start(sys, { limit }, frame) {
    frame.limit = limit;
    frame.flagCount = Math.floor((limit + 1) / 2);
    frame.flags = mapMemory(sys, frame.flagCount);
    frame.result = heapMemory(sys, 8);
    frame.prime = 1;
  },

  states: {
    findPrime(sys, frame) {
      const { limit, flags } = frame;
      let candidate = frame.prime + 2;
      for (let n = 0; n < FLAGS_PER_TICK && candidate * candidate <= limit; n++, candidate += 2) {
        if (sys.mem.u8(flags + (candidate - 1) / 2) !== 0) continue;
        frame.prime = candidate;
        frame.multiple = candidate * candidate;
        frame.state = 'crossOut';
        return 'ran';
      }
      frame.prime = candidate - 2;
      if (candidate * candidate <= limit) return 'ran';
      frame.cursor = 1; // 1 has a flag and is no prime,
      frame.count = 1; // 2 is one and has none
      frame.state = 'count';
      return 'ran';
    },

    crossOut(sys, frame) {
      const { limit, flags, prime } = frame;
      let { multiple } = frame;
      for (let n = 0; n < FLAGS_PER_TICK && multiple <= limit; n++, multiple += 2 * prime)
        sys.mem.setU8(flags + (multiple - 1) / 2, 1);
      frame.multiple = multiple;
      if (multiple > limit) frame.state = 'findPrime';
      return 'ran';
    },

    count(sys, frame) {
      const { cursor, flagCount } = frame;
      const milestone = [...MILESTONES.keys()].find((flags) => flags > cursor) ?? flagCount;
      const end = Math.min(cursor + COUNTED_PER_TICK, milestone, flagCount);
      const flags = sys.mem.read(frame.flags + cursor, end - cursor);
      if (flags.some((flag) => flag > 1)) return conclude(sys, false);
      frame.count += flags.reduce((primes, flag) => primes + 1 - flag, 0);
      frame.cursor = end;
      if ((MILESTONES.get(end) ?? frame.count) !== frame.count) return conclude(sys, false);
      if (end < flagCount) return 'ran';
      frame.ax = frame.count;
      sys.mem.setU53(frame.result, frame.count);
      return conclude(sys, true);
    },
  },
});
