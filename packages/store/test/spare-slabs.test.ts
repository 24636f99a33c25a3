import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { SlabPool } from '../dist/put/slab-pool.js';
import { SpareSlabs } from '../dist/put/spare-slabs.js';

const SIZE = 4096;

describe('spare slabs', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('go from one piece of work to the next, by size', async () => {
    const spares = new SpareSlabs();
    const first = new SlabPool(SIZE, 1, spares);
    const slab = await first.take();
    first.give(slab);
    expect(await new SlabPool(2 * SIZE, 1, spares).take()).not.toBe(slab);
    expect(await new SlabPool(SIZE, 1, spares).take()).toBe(slab);
    expect(await new SlabPool(SIZE, 1, spares).take()).not.toBe(slab);
  });

  test('are given up when nobody took them for a while, and those that are in use are not', () => {
    const spares = new SpareSlabs();
    const [idle, busy] = [spares.take(SIZE), spares.take(SIZE)];
    spares.give(idle);
    spares.give(busy);
    for (let minute = 0; minute < 3; minute++) {
      expect(spares.take(SIZE)).toBe(busy);
      jest.advanceTimersByTime(60_000);
      spares.give(busy);
    }
    expect(spares.take(SIZE)).toBe(busy);
    expect(spares.take(SIZE)).not.toBe(idle);
  });

  test('are none behind the end', () => {
    const spares = new SpareSlabs();
    const slab = spares.take(SIZE);
    spares.give(slab);
    spares.clear();
    expect(spares.take(SIZE)).not.toBe(slab);
  });
});

test('a pool lets nobody have more than it has, and gives to who waited longest', async () => {
  const pool = new SlabPool(SIZE, 1, new SpareSlabs());
  const slab = await pool.take();
  const got: string[] = [];
  const waiting = ['one', 'two'].map(async (name) => {
    const own = await pool.take();
    got.push(name);
    return own;
  });
  await Promise.resolve();
  expect(got).toEqual([]);
  pool.give(slab);
  expect(await waiting[0]).toBe(slab);
  pool.give(slab);
  await waiting[1];
  expect(got).toEqual(['one', 'two']);
});
