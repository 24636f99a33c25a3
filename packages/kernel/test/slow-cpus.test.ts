import { Kernel } from '@ckptree/kernel';
import { expect, test } from '@jest/globals';
import { boot, digests, exitsOf, forktree, spawn, until } from './support/kernels.js';

/** So many that at a tick a second none comes to its turn twice while a test lasts. */
const CROWD = 600;
const forever = { program: 'idle', params: { memoryMiB: 0, forever: true } };
/** The last of them stands at the end of the queue. @param pid of the root */
const crowd = (pid: number) => ({
  pid,
  ...forever,
  children: [{ pid: pid + 1, ...forever, repeat: CROWD - 1 }],
});
const ticksIn = (kernel: Kernel) => kernel.ps().reduce((sum, { ticks }) => sum + ticks, 0);

test('tasks end the same however slow the cpus are', async () => {
  const runs: unknown[] = [];
  for (const options of [{}, { ticksPerSecond: 20_000 }, { ticksPerSecond: 500_000 }]) {
    const kernel = boot(options);
    const exits = exitsOf(kernel);
    await spawn(kernel, forktree);
    await kernel.settled();
    runs.push(digests(exits));
    expect(kernel.memory.stats().used).toBe(0);
  }
  expect(runs[0]).toHaveLength(13);
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});

test('cpus execute no more ticks than they may, and go on', async () => {
  const [cpus, ticksPerSecond] = [2, 5_000];
  const kernel = boot({ cpus, ticksPerSecond });
  const start = performance.now();
  await spawn(kernel, { pid: 1, ...forever, children: [{ ...forever, repeat: 7 }] });
  for (const more of [100, 1_000]) {
    await until(() => ticksIn(kernel) > more);
    const ticks = ticksIn(kernel);
    // What a cpu may be ahead by is worth 30 ms at most.
    const mayMs = performance.now() - start + 30;
    expect(ticks).toBeLessThanOrEqual((cpus * ticksPerSecond * mayMs) / 1e3);
  }
  await kernel.kill(1);
});

test('a cut does not wait until ticks are due, nor does what it saw', async () => {
  const kernel = boot({ cpus: 1, ticksPerSecond: 1 });
  const root = await spawn(kernel, crowd(1));
  const cut = await kernel.cut(root);
  expect(cut.tree.tasks).toHaveLength(CROWD);
  cut.release();
  const held = await kernel.hold({ rootPid: root }, { leaseMs: 60_000 });
  held.resume();
  expect((await held.tree).tasks).toHaveLength(CROWD);
  held.release();
  await kernel.kill(root);
});

test('a signal does not wait until the ticks of others are due, of frozen tasks neither', async () => {
  const kernel = boot({ cpus: 1, ticksPerSecond: 1 });
  const exits = exitsOf(kernel);
  await spawn(kernel, crowd(1));
  const [last, frozen] = [CROWD, CROWD - 1];
  await kernel.kill(last);
  await kernel.freeze(frozen);
  await kernel.kill(frozen);
  expect([...exits.keys()]).toEqual([last, frozen]);
  await kernel.kill(1);
  await kernel.settled();
  expect(kernel.memory.stats().used).toBe(0);
});

test('trees are loaded, abandoned, frozen and thawed meanwhile', async () => {
  const kernel = boot({ cpus: 1, ticksPerSecond: 1 });
  await spawn(kernel, crowd(1));
  const other = await spawn(kernel, { pid: 1_000, ...forever });
  await kernel.freeze([1, other]);
  const before = ticksIn(kernel);
  await kernel.thaw([1, other]);
  await until(() => ticksIn(kernel) > before);
  await kernel.kill([1, other]);
});

test.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1_000_000_001])(
  '%d ticks per second are refused',
  (ticksPerSecond) => {
    expect(() => Kernel.boot({ ticksPerSecond })).toThrow(
      expect.objectContaining({ code: 'EINVAL', fields: { field: 'ticksPerSecond' } }),
    );
  },
);
