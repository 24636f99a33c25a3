import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type HeldCut, Kernel, parseSpec } from '@ckptree/kernel';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';

const MIB = 2 ** 20;
const kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });

afterEach(async () => {
  const pids = kernel.ps().map(({ pid }) => pid);
  if (pids.length > 0) await kernel.kill(pids);
  await kernel.settled();
  // Zombies that would wait for parents in kernels which are not there.
  await kernel.disown({ parents: kernel.ps().map(({ ppid }) => ppid) });
  expect(kernel.ps()).toEqual([]);
});

afterAll(() => kernel.shutdown());

const writer = {
  program: 'kvstore',
  params: { workingSetMiB: 2, operations: 1_000_000_000, writePercent: 90 },
};
/** 1 with 2 and 10, and 3 below 2. */
const family = {
  ...writer,
  children: [
    { ...writer, children: [writer] },
    { ...writer, pid: 10 },
  ],
};

const spawn = (root: object) => kernel.spawn(parseSpec({ root }, { baseFolder: tmpdir() }).tree);

const LEASE = { leaseMs: 30_000 };

const ticksOf = (pids?: readonly number[]) =>
  kernel
    .ps()
    .filter(({ pid }) => pids?.includes(pid) ?? true)
    .map(({ ticks }) => ticks);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

/** Whether these tasks (all, unless said) go on. */
async function run(pids?: readonly number[]): Promise<void> {
  const then = ticksOf(pids);
  await until(() => ticksOf(pids).every((now, index) => now > then[index]!));
}

/** That these tasks do not move, as long as anybody has patience to look. */
async function standStill(pids?: readonly number[]): Promise<void> {
  const then = ticksOf(pids);
  await sleep(30);
  expect(ticksOf(pids)).toEqual(then);
}

describe('a held cut', () => {
  test('lets nothing run, and nothing be told, until it is resumed; then there is the tree', async () => {
    const rootPid = await spawn(family);
    const cut = await kernel.hold({ rootPid }, LEASE);
    expect([cut.tasks, cut.mms]).toEqual([4, 4]);
    expect(cut.timing.freezeUs).toBeGreaterThan(0);
    let told = false;
    cut.tree.then(() => {
      told = true;
    });
    await standStill();
    expect(told).toBe(false);
    const resumed = cut.resume();
    expect(resumed.leaseEnded).toBe(false);
    expect(resumed.stoodStillUs).toBeGreaterThan(30_000);
    const { tasks } = await cut.tree;
    expect(tasks.map(({ pid }) => pid)).toEqual([1, 2, 3, 10]);
    await run();
    expect(cut.resume()).toEqual(resumed);
    cut.release();
    await kernel.kill(rootPid);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('ends with its lease when nobody says anything', async () => {
    const rootPid = await spawn(family);
    const cut = await kernel.hold({ rootPid }, { leaseMs: 50 });
    await run();
    expect(cut.resume({ leaveFrozen: true })).toMatchObject({ leaseEnded: true });
    await run();
    expect((await cut.tree).tasks).toHaveLength(4);
    cut.release();
  });

  test('is of some tasks and all below them, one time each; of none when they have gone', async () => {
    await spawn(family);
    const cut = await kernel.hold({ pids: [3, 2, 99, 10] }, LEASE);
    await run([1]);
    await standStill([2, 3, 10]);
    cut.resume();
    expect((await cut.tree).tasks.map(({ pid }) => pid)).toEqual([2, 3, 10]);
    cut.release();
    const nothing = await kernel.hold({ pids: [98, 99] }, LEASE);
    nothing.resume();
    expect([nothing.tasks, (await nothing.tree).tasks]).toEqual([0, []]);
    nothing.release();
    const nobody = await kernel.hold({ rootPid: 77 }, LEASE);
    expect(nobody.tasks).toBe(0);
    nobody.release();
  });

  test('refuses others that overlap, at once, and no others', async () => {
    const rootPid = await spawn(family);
    const cut = await kernel.hold({ pids: [2] }, LEASE);
    await expect(kernel.hold({ rootPid }, LEASE)).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(kernel.cut(3)).rejects.toMatchObject({ code: 'EBUSY', fields: { pid: 3 } });
    const other = await kernel.hold({ pids: [10] }, LEASE);
    other.resume();
    expect((await other.tree).tasks).toHaveLength(1);
    await run([1, 10]);
    await standStill([2, 3]);
    cut.resume();
    const [second, third] = await Promise.all([kernel.cut(rootPid), kernel.cut(rootPid)]);
    for (const each of [cut, other, second, third]) each.release();
    await kernel.kill(rootPid);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('has a freeze of its own: what people freeze and thaw is another matter', async () => {
    const rootPid = await spawn(family);
    await kernel.freeze(2);
    const cut = await kernel.hold({ rootPid }, LEASE);
    await kernel.freeze(10);
    await kernel.thaw(2);
    await standStill();
    cut.resume();
    await run([1, 2, 3]);
    await standStill([10]);
    cut.release();
    const second = await kernel.hold({ rootPid }, LEASE);
    second.resume({ leaveFrozen: true });
    await standStill();
    await kernel.thaw(rootPid);
    await run();
    second.release();
  });

  test('given up at any time gives back its memory and lets the tasks run', async () => {
    const rootPid = await spawn(family);
    const steps: readonly ((cut: HeldCut) => unknown)[] = [
      (cut) => cut.resume(),
      () => sleep(1),
      (cut) => cut.tree,
    ];
    for (let taken = 0; taken <= steps.length; taken++) {
      const cut = await kernel.hold({ rootPid }, LEASE);
      for (const step of steps.slice(0, taken)) await step(cut);
      cut.release();
      await run();
    }
    const cut = await kernel.hold({ rootPid }, LEASE);
    cut.release();
    await expect(cut.tree).rejects.toMatchObject({ code: 'EINTR' });
    await kernel.kill(rootPid);
    // What a cpu had not told yet comes in when it has time.
    await until(() => kernel.memory.stats().used === 0);
  });

  test('lets a kill wait, and be done when it ends', async () => {
    const rootPid = await spawn(family);
    const cut = await kernel.hold({ rootPid }, LEASE);
    const killed = kernel.kill(rootPid);
    await standStill();
    cut.resume();
    await killed;
    const { tasks } = await cut.tree;
    expect(tasks.every(({ exitState }) => exitState === 0)).toBe(true);
    cut.release();
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('lets a kill wait, and be done when it ends, also of what people have frozen', async () => {
    const rootPid = await spawn(family);
    await kernel.freeze(rootPid);
    const cut = await kernel.hold({ rootPid }, LEASE);
    const killed = kernel.kill(rootPid);
    await standStill();
    expect(kernel.ps()).toHaveLength(4);
    cut.resume();
    await killed;
    expect(kernel.ps()).toEqual([]);
    cut.release();
  });

  test('of tasks that come and go all the time leaves none of them behind, frozen', async () => {
    const storm = { program: 'forkstorm', params: { forks: 100_000_000, width: 8 } };
    const rootPid = await spawn({
      ...writer,
      children: [storm, { ...storm, pid: 100_000 }],
    });
    for (let round = 0; round < 20; round++) {
      const cut = await kernel.hold({ pids: [2] }, LEASE);
      cut.resume();
      await cut.tree;
      cut.release();
    }
    await run([1, 2, 100_000]);
    await kernel.freeze(rootPid);
    await kernel.thaw(rootPid);
    await until(() => kernel.ps().every(({ state }) => state !== 'frozen'));
    await kernel.kill(rootPid);
  });

  test('that cannot be had within its lease lets the tasks run', async () => {
    const rootPid = await spawn(family);
    await expect(kernel.hold({ rootPid }, { leaseMs: 0 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await run();
  });

  test('is told of when there are more of them than can be kept quiet', async () => {
    await spawn({ ...writer, children: [{ ...writer, repeat: 10 }] });
    const pids = Array.from({ length: 10 }, (_, index) => index + 2);
    const cuts = await Promise.all(pids.map((pid) => kernel.hold({ pids: [pid] }, LEASE)));
    for (const cut of cuts) cut.resume();
    for (const cut of cuts) expect((await cut.tree).tasks).toHaveLength(1);
    for (const cut of cuts) cut.release();
    await kernel.kill(1);
    expect(kernel.memory.stats().used).toBe(0);
  });
});
