import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel, parseSpec, type TaskExit } from '@ckptree/kernel';
import { describe, expect, test } from '@jest/globals';
import { boot, digests, exitsOf, forktree, MIB, spawn, until, writer } from './support/kernels.js';

test('README: a tree runs, is cut, and ends', async () => {
  const kernel = boot();
  const ended: string[] = [];
  kernel.onExit(({ pid, comm, status, digest }) => ended.push(`${pid} ${comm} ${status} ${digest}`));
  const { tree } = parseSpec({ root: { program: 'forktree', params: { depth: 2 } } }, { baseFolder: '.' });
  const root = await kernel.spawn(tree);
  const cut = await kernel.cut(root);
  expect(cut.tree.rootPid).toBe(root);
  cut.release();
  await kernel.settled();
  expect(ended).toHaveLength(7);
});

describe('a tree of tasks', () => {
  test('ends the same on one cpu, on two and on four', async () => {
    const runs: unknown[] = [];
    for (const cpus of [1, 2, 4]) {
      const kernel = boot({ cpus });
      const exits = exitsOf(kernel);
      await spawn(kernel, forktree);
      await kernel.settled();
      runs.push(digests(exits));
    }
    expect(runs[0]).toHaveLength(13);
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });

  test('gives back every frame when it has ended', async () => {
    const kernel = boot();
    await spawn(kernel, { ...forktree, children: [{ program: 'sieve', params: { limit: 100_000 } }] });
    await kernel.settled();
    expect(kernel.memory.stats().used).toBe(0);
    expect(kernel.ps()).toEqual([]);
  });

  test('is told of in the process table while it lives', async () => {
    const kernel = boot();
    await spawn(kernel, { pid: 10, ...writer, children: [{ ...writer, comm: 'child', session: true }] });
    const [root, child] = kernel.ps();
    expect(root).toMatchObject({ pid: 10, ppid: 0, tgid: 10, comm: 'kvstore' });
    expect(child).toMatchObject({ pid: 11, ppid: 10, sid: 11, pgid: 11, comm: 'child' });
    await kernel.kill(10);
  });

  test('that cannot start leaves nothing behind', async () => {
    const kernel = boot();
    const missing = { program: 'wordcount', params: { path: '/no/such/file' } };
    await expect(spawn(kernel, { ...writer, children: [missing] })).rejects.toMatchObject({
      code: 'ENOENT',
      fields: { comm: 'wordcount' },
    });
    await kernel.settled();
    expect(kernel.ps()).toEqual([]);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('is refused when one of its pids is taken, and the others stay free', async () => {
    const kernel = boot();
    await spawn(kernel, { pid: 5, ...writer });
    await expect(
      spawn(kernel, { pid: 4, ...writer, children: [{ pid: 5, ...writer }] }),
    ).rejects.toMatchObject({ code: 'EEXIST' });
    expect(kernel.ps().map(({ pid }) => pid)).toEqual([5]);
  });

  test('that uses up the memory ends with ENOMEM, and the kernel lives on', async () => {
    const kernel = boot({ memoryBytes: 8 * MIB });
    const exits = exitsOf(kernel);
    await spawn(kernel, { program: 'idle', params: { memoryMiB: 64 } }).catch(() => undefined);
    await kernel.settled();
    expect(exits.get(1)?.error?.code).toBe('ENOMEM');
    expect(kernel.memory.stats().used).toBe(0);
    exits.clear();
    await spawn(kernel, { program: 'sieve', params: { limit: 1000 } });
    await kernel.settled();
    expect(exits.get(1)?.status).toBe(0);
  });
});

describe('the freezer', () => {
  test('stops every task of a tree at a safe point, and thawing lets all go on', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { ...writer, children: [writer, writer] });
    await kernel.freeze(root);
    const ticks = () => kernel.ps().map((task) => task.ticks);
    const then = ticks();
    expect(kernel.ps().map(({ state }) => state)).toEqual(['frozen', 'frozen', 'frozen']);
    await sleep(50);
    expect(ticks()).toEqual(then);
    await kernel.thaw(root);
    await until(() => ticks().every((now, index) => now > then[index]!));
  });

  test('leaves the rest of the kernel running', async () => {
    const kernel = boot();
    await spawn(kernel, { pid: 1, ...writer, children: [{ pid: 50, ...writer }] });
    await kernel.freeze(50);
    const rootTicks = () => kernel.ps()[0]!.ticks;
    const then = rootTicks();
    await until(() => rootTicks() > then);
  });

  test('catches tasks that are born while it works', async () => {
    const kernel = boot({ cpus: 4 });
    const root = await spawn(kernel, { program: 'forkstorm', params: { forks: 100_000_000, width: 16 } });
    for (let round = 0; round < 20; round++) {
      await kernel.freeze(root);
      const then = kernel.ps();
      expect(then.every(({ state }) => state === 'frozen' || state === 'zombie')).toBe(true);
      await sleep(2);
      expect(kernel.ps()).toEqual(then);
      await kernel.thaw(root);
      await sleep(1);
    }
    await kernel.kill(root);
  });

  test('does not keep a frozen tree from being killed', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { ...writer, children: [writer] });
    await kernel.freeze(root);
    await kernel.kill(root);
    await kernel.settled();
    expect(kernel.ps()).toEqual([]);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('says ESRCH for a task that is not there', async () => {
    const kernel = boot();
    await expect(kernel.freeze(77)).rejects.toMatchObject({ code: 'ESRCH' });
    await expect(kernel.thaw(77)).rejects.toMatchObject({ code: 'ESRCH' });
    await expect(kernel.kill(77)).rejects.toMatchObject({ code: 'ESRCH' });
    await expect(kernel.cut(77)).rejects.toMatchObject({ code: 'ESRCH' });
  });
});

describe('a group of threads', () => {
  const group = { pid: 1, program: 'threads', params: { members: 3, blocks: 262_144 } };

  test('ends as a whole when one of them is killed', async () => {
    const kernel = boot();
    const exits = exitsOf(kernel);
    await spawn(kernel, group);
    await until(() => kernel.ps().length === 4);
    await kernel.kill(3);
    expect(kernel.ps()).toEqual([]);
    expect([1, 2, 3, 4].map((pid) => exits.get(pid)?.status)).toEqual([9, 9, 9, 9]);
  });

  test('ends as a whole when one of them fails, instead of waiting for it for ever', async () => {
    const kernel = boot({ memoryBytes: 8 * MIB });
    const exits = exitsOf(kernel);
    await spawn(kernel, group);
    await kernel.settled();
    const failed = [...exits.values()].filter(({ error }) => error?.code === 'ENOMEM');
    expect(failed.length).toBeGreaterThan(0);
    expect(exits.get(1)?.status).toBe(failed[0]!.status);
  });
});

describe('stopping at a tick', () => {
  test('freezes the task when it has executed exactly so many ticks', async () => {
    const kernel = boot();
    for (const tick of [0, 1, 127, 128, 129, 500]) {
      const stopped = kernel.stopAt(1, tick, { unborn: true });
      const root = await spawn(kernel, { pid: 1, program: 'sieve', params: { limit: 2_000_000 } });
      await stopped;
      expect(kernel.ps()[0]).toMatchObject({ ticks: tick, state: 'frozen' });
      await kernel.kill(root);
      await kernel.settled();
    }
  });

  test('waits for a task that is yet to be born', async () => {
    const kernel = boot();
    const stopped = kernel.stopAt(2, 3, { unborn: true });
    await spawn(kernel, { pid: 1, ...forktree });
    await stopped;
    expect(kernel.ps().find(({ pid }) => pid === 2)).toMatchObject({ ticks: 3, state: 'frozen' });
  });

  test('says ESRCH when the task ends before, and EINVAL when it is past the tick', async () => {
    const kernel = boot();
    const never = kernel.stopAt(1, 1e9, { unborn: true });
    const failure = expect(never).rejects.toMatchObject({ code: 'ESRCH', fields: { pid: 1 } });
    await spawn(kernel, { pid: 1, program: 'sieve', params: { limit: 1000 } });
    await failure;
    await spawn(kernel, { pid: 1, ...writer });
    await until(() => kernel.ps()[0]!.ticks > 1000);
    await expect(kernel.stopAt(1, 10)).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('says ESRCH at once for a task that never was, one that has gone, and a zombie', async () => {
    const kernel = boot();
    const gone = { code: 'ESRCH', fields: { pid: 1 } };
    await expect(kernel.stopAt(1, 5)).rejects.toMatchObject(gone);
    await spawn(kernel, { pid: 1, program: 'sieve', params: { limit: 1000 } });
    await kernel.settled();
    await expect(kernel.stopAt(1, 5)).rejects.toMatchObject(gone);
    await spawn(kernel, {
      pid: 1,
      ...writer,
      children: [{ pid: 2, program: 'sieve', params: { limit: 1000 } }],
    });
    await until(() => kernel.ps().some(({ pid, state }) => pid === 2 && state === 'zombie'));
    await expect(kernel.stopAt(2, 1e9)).rejects.toMatchObject({ code: 'ESRCH', fields: { pid: 2 } });
  });

  test('says EBUSY while the task is to stop elsewhere, and takes the next request behind that', async () => {
    const kernel = boot();
    await spawn(kernel, { pid: 1, program: 'idle', params: { forever: true } });
    const far = kernel.stopAt(1, 1e9);
    const ended = expect(far).rejects.toMatchObject({ code: 'ESRCH' });
    await expect(kernel.stopAt(1, 2e9)).rejects.toMatchObject({ code: 'EBUSY', fields: { pid: 1 } });
    await kernel.kill(1);
    await ended;
    const again = kernel.stopAt(1, 7, { unborn: true });
    await spawn(kernel, { pid: 1, program: 'idle' });
    await again;
  });

  test('finds a task that waits for a child at that very tick', async () => {
    const kernel = boot();
    const commands = [{ program: 'idle', pid: 2, params: { forever: true } }];
    await spawn(kernel, { pid: 1, program: 'shell', params: { commands } });
    await until(() => kernel.ps().some(({ pid, state }) => pid === 1 && state === 'blocked'));
    const { ticks } = kernel.ps().find(({ pid }) => pid === 1)!;
    await kernel.stopAt(1, ticks);
    expect(kernel.ps().find(({ pid }) => pid === 1)).toMatchObject({ state: 'frozen', ticks });
  });
});

describe('a kernel', () => {
  test('refuses options that are out of range', () => {
    expect(() => Kernel.boot({ cpus: 0 })).toThrow(
      expect.objectContaining({ code: 'EINVAL', fields: { field: 'cpus' } }),
    );
    expect(() => Kernel.boot({ memoryBytes: -1 })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('numbers the ends of its tasks, whichever cpu tells of them first', async () => {
    const kernel = boot();
    const ends: TaskExit[] = [];
    kernel.onExit((end) => ends.push(end));
    await spawn(kernel, { program: 'forkstorm', params: { forks: 300, width: 4, work: 2 } });
    await kernel.settled();
    const inOrder = ends.toSorted((one, other) => one.order - other.order);
    expect(inOrder.map(({ order }) => order)).toEqual(ends.map((_, index) => index + 1));
    // Child n has pid 2 + n % 4 and is there only when child n - 4 has been waited for.
    const again: TaskExit[] = [];
    kernel.onExit((end) => again.push(end));
    await spawn(kernel, { program: 'forkstorm', params: { forks: 300, width: 4, work: 2 } });
    await kernel.settled();
    const ofPid2 = (all: readonly TaskExit[]) =>
      all
        .filter(({ pid }) => pid === 2)
        .toSorted((one, other) => one.order - other.order)
        .map(({ digest }) => digest);
    expect(ofPid2(again)).toEqual(ofPid2(inOrder));
  });

  test('that is shut down while a tree comes in tells whoever brings it', async () => {
    const kernel = boot();
    const spawning = spawn(kernel, writer).then(() => kernel.settled());
    const [, outcome] = await Promise.allSettled([kernel.shutdown(), spawning]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'EPIPE' } });
  });

  test('that is shut down tells those who wait', async () => {
    const kernel = boot();
    await spawn(kernel, writer);
    const waiting = expect(kernel.settled()).rejects.toMatchObject({ code: 'EPIPE' });
    await kernel.shutdown();
    await waiting;
    await expect(spawn(kernel, writer)).rejects.toMatchObject({ code: 'EPIPE' });
  });
});

test('nobody is born behind a kill: a tree that forks without end is gone as a whole', async () => {
  const kernel = boot();
  const forks = { pid: 1, program: 'forkstorm', params: { forks: 1e8, width: 100, work: 1e6 } };
  for (let round = 0; round < 60; round++) {
    await spawn(kernel, forks);
    await until(() => kernel.tasks > 5);
    await kernel.kill(1);
    expect(kernel.ps()).toEqual([]);
  }
  expect(kernel.memory.stats().used).toBe(0);
});

test('who waits for a kill finds that listeners have been told of every end', async () => {
  const kernel = boot();
  const exits = exitsOf(kernel);
  for (let round = 0; round < 20; round++) {
    const root = await spawn(kernel, writer);
    await kernel.kill(root);
    expect(exits.get(root)?.status).toBe(9);
    exits.clear();
  }
});
