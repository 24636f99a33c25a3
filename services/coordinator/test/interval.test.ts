import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Interval } from '../dist/interval.js';

const EVERY_MS = 1_000;

test('what could not be done in time is left out: once, however many times have passed', async () => {
  let fired = 0;
  const interval = new Interval(0, EVERY_MS, () => fired++);
  // Nothing else is done in this process for two intervals and a half.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2.5 * EVERY_MS);
  await sleep(EVERY_MS / 4);
  interval.stop();
  expect(fired).toBe(1);
});
