import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ContentSlots } from '../dist/content-slots.js';

/** Slots, how often something was loaded, and how many pieces of memory were used for that. */
function counting() {
  const memory = new Set<ArrayBufferLike>();
  let loads = 0;
  const slots = new ContentSlots((group) => {
    for (const { place, loaded } of group) {
      loads++;
      const content = place(1);
      memory.add(content.buffer);
      loaded(content);
    }
  });
  const use = async (first: number, count: number): Promise<void> => {
    for (let id = first; id < first + count; id++) await slots.use(`${id}`, () => undefined);
  };
  return {
    use,
    /** What has been loaded since this was asked last, and where. */
    taken() {
      const taken = { loads, memory: memory.size };
      loads = 0;
      memory.clear();
      return taken;
    },
  };
}

const USUAL = 48;

describe('contents of chunks', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('that are used once each share few slots', async () => {
    const { use, taken } = counting();
    await use(0, 1000);
    expect(taken()).toEqual({ loads: 1000, memory: USUAL });
  });

  test('that are needed again and again stay, though they are more', async () => {
    const { use, taken } = counting();
    await use(0, 100);
    await use(0, 100);
    taken();
    for (let round = 0; round < 20; round++) await use(0, 100);
    expect(taken().loads).toBeLessThanOrEqual(100);
  });

  test('that are too many to stay do not take ever more memory', async () => {
    const { use, taken } = counting();
    for (let round = 0; round < 5; round++) await use(0, 300);
    expect(taken().memory).toBeLessThanOrEqual(256);
  });

  test('do not hold more slots than usual for ever', async () => {
    const { use, taken } = counting();
    for (let round = 0; round < 5; round++) await use(0, 100);
    expect(taken().memory).toBeGreaterThan(USUAL);
    jest.advanceTimersByTime(60_000);
    await use(1000, 1000);
    expect(taken()).toEqual({ loads: 1000, memory: USUAL });
    expect(jest.getTimerCount()).toBe(0);
  });
});
