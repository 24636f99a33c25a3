import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel, type KernelOptions, parseSpec, type TaskExit } from '@ckptree/kernel';
import {
  arenaOf,
  EXIT_ZOMBIE,
  LEAF_ENTRIES,
  type MemorySnapshot,
  type Mm,
  offsetInArena,
  PAGE_SIZE,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
  TASK_STATE,
} from '@ckptree/model';
import { afterEach, describe, expect, test } from '@jest/globals';

const MIB = 2 ** 20;
const running: Kernel[] = [];

afterEach(async () => {
  for (const kernel of running.splice(0)) await kernel.shutdown();
});

function boot(options: KernelOptions = {}): Kernel {
  const kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB, ...options });
  running.push(kernel);
  return kernel;
}

/** The ends of tasks by pid, as they come in. */
function exitsOf(kernel: Kernel): Map<number, TaskExit> {
  const exits = new Map<number, TaskExit>();
  kernel.onExit((exit) => exits.set(exit.pid, exit));
  return exits;
}

const spawn = (kernel: Kernel, root: object, files: object[] = []) =>
  kernel.spawn(parseSpec({ root, ...(files.length > 0 ? { files } : {}) }, { baseFolder: tmpdir() }).tree);

const digests = (exits: ReadonlyMap<number, TaskExit>) =>
  [...exits]
    .map(([pid, { digest, status }]) => [pid, status, digest])
    .toSorted(([a], [b]) => Number(a) - Number(b));

const forktree = { program: 'forktree', params: { depth: 2, fanout: 3 } };
const writer = {
  program: 'kvstore',
  params: { workingSetMiB: 4, operations: 1_000_000_000, writePercent: 90 },
};

/** Waits for something that must come; a test that waits in vain fails by its own time limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

/** SHA-256 of all that a snapshot maps. */
function contents({ arenas, leaves }: MemorySnapshot): string {
  const hash = createHash('sha256');
  for (let pair = 0; pair < leaves.length; pair += 2) {
    const leaf = leaves[pair + 1]!;
    const entries = new Int32Array(arenas[arenaOf(leaf)]!, offsetInArena(leaf), LEAF_ENTRIES);
    for (const entry of entries) {
      if ((entry & PTE_PRESENT) === 0) continue;
      const frame = entry >>> PTE_FRAME_SHIFT;
      hash.update(new Uint8Array(arenas[arenaOf(frame)]!, offsetInArena(frame), PAGE_SIZE));
    }
  }
  return hash.digest('hex');
}

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

describe('stopping at a tick', () => {
  test('freezes the task when it has executed exactly so many ticks', async () => {
    const kernel = boot();
    for (const tick of [0, 1, 127, 128, 129, 500]) {
      const stopped = kernel.stopAt(1, tick);
      const root = await spawn(kernel, { pid: 1, program: 'sieve', params: { limit: 2_000_000 } });
      await stopped;
      expect(kernel.ps()[0]).toMatchObject({ ticks: tick, state: 'frozen' });
      await kernel.kill(root);
      await kernel.settled();
    }
  });

  test('waits for a task that is yet to be born', async () => {
    const kernel = boot();
    const stopped = kernel.stopAt(2, 3);
    await spawn(kernel, { pid: 1, ...forktree });
    await stopped;
    expect(kernel.ps().find(({ pid }) => pid === 2)).toMatchObject({ ticks: 3, state: 'frozen' });
  });

  test('says ESRCH when the task ends before, and EINVAL when it is past the tick', async () => {
    const kernel = boot();
    const never = kernel.stopAt(1, 1e9);
    const failure = expect(never).rejects.toMatchObject({ code: 'ESRCH', fields: { pid: 1 } });
    await spawn(kernel, { pid: 1, program: 'sieve', params: { limit: 1000 } });
    await failure;
    await spawn(kernel, { pid: 1, ...writer });
    await until(() => kernel.ps()[0]!.ticks > 1000);
    await expect(kernel.stopAt(1, 10)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('a cut', () => {
  test('does not change while the tasks write on', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { ...writer, children: [writer] });
    await until(() => kernel.ps().every(({ ticks }) => ticks > 500));
    const cut = await kernel.cut(root);
    const mms = cut.tree.tasks.map(({ mm }) => mm!);
    const then = mms.map(({ memory }) => contents(memory));
    await until(() => kernel.ps().every(({ ticks }) => ticks > 2000));
    expect(mms.map(({ memory }) => contents(memory))).toEqual(then);
    const later = await kernel.cut(root);
    expect(contents(later.tree.tasks[0]!.mm!.memory)).not.toBe(then[0]);
    later.release();
    cut.release();
    await kernel.kill(root);
    await kernel.settled();
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('shows the tree as it stood: identities, sharing, files with positions and users', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ckptree-cut-'));
    const path = join(folder, 'data');
    writeFileSync(path, 'x'.repeat(10_000));
    try {
      const kernel = boot();
      const share = { ...writer, share: ['mm', 'files'] };
      const root = await spawn(
        kernel,
        {
          ...writer,
          open: [{ fd: 3, file: 'data' }],
          children: [share, { ...writer, open: [{ fd: 5, file: 'data' }] }],
        },
        [{ name: 'data', path, flags: 'r' }],
      );
      const { tree, release } = await kernel.cut(root);
      const [first, second, third] = tree.tasks;
      expect(tree.rootPid).toBe(root);
      expect(second!.mm).toBe(first!.mm);
      expect(second!.files).toBe(first!.files);
      expect(third!.mm).not.toBe(first!.mm);
      expect([first!.mm!.users, third!.mm!.users]).toEqual([2, 1]);
      const file = first!.files!.descriptors[0]!.file;
      expect(third!.files!.descriptors[0]!.file).toBe(file);
      expect(file).toMatchObject({ path, users: 2, pos: 0 });
      expect(file.version).not.toBe(0n);
      expect(first!.mm!.mapCount).toBe(first!.mm!.vmas.length);
      expect(first!.mm!.exe?.path).toBe('/ckptree/bin/kvstore');
      release();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('holds the local descriptor table', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { program: 'idle', params: { ldtEntries: 3, forever: true } });
    const { tree, release } = await kernel.cut(root);
    expect(tree.tasks[0]!.mm!.context.ldt).toHaveLength(3 * 8);
    expect(tree.tasks[0]!.mm!.context.ldt.some((byte) => byte !== 0)).toBe(true);
    release();
  });

  test('shows zombies with their status and waiting tasks as waiting', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { program: 'zombies', params: {} });
    let zombies = 0;
    for (let look = 0; look < 500 && zombies === 0; look++) {
      const { tree, release } = await kernel.cut(root);
      const ended = tree.tasks.filter(({ exitState }) => exitState === EXIT_ZOMBIE);
      zombies = ended.length;
      for (const task of ended) {
        expect(task).not.toHaveProperty('mm');
        expect(task.setChildTid | task.clearChildTid).not.toBe(0n);
      }
      release();
    }
    expect(zombies).toBeGreaterThan(0);
    await kernel.settled();
    const waiting = await spawn(kernel, { program: 'shell', params: { commands: [writer] } });
    await until(() => kernel.ps()[0]?.state === 'blocked');
    const { tree, release } = await kernel.cut(waiting);
    expect(tree.tasks[0]!.state).toBe(TASK_STATE.INTERRUPTIBLE);
    release();
  });

  test('of a thread is one of its whole group', async () => {
    const kernel = boot();
    const stopped = kernel.stopAt(3, 1);
    await spawn(kernel, { pid: 1, program: 'threads', params: { members: 3 } });
    await stopped;
    const { tree, release } = await kernel.cut(3);
    expect(tree.rootPid).toBe(1);
    expect(tree.tasks.find(({ pid }) => pid === 3)).toMatchObject({ tgid: 1, exitSignal: -1 });
    release();
  });

  test('may leave the tree frozen, until it is thawed', async () => {
    const kernel = boot();
    const root = await spawn(kernel, writer);
    const cut = await kernel.cut(root, { leaveFrozen: true });
    expect(kernel.ps()[0]!.state).toBe('frozen');
    expect(cut.timing.downtimeUs).toBeUndefined();
    const again = await kernel.cut(root);
    expect(kernel.ps()[0]!.state).toBe('frozen');
    expect(contents(again.tree.tasks[0]!.mm!.memory)).toBe(contents(cut.tree.tasks[0]!.mm!.memory));
    await cut.thaw();
    expect(kernel.ps()[0]!.state).toBe('running');
    cut.release();
    again.release();
  });

  test('can be asked for many times at once, by trees that overlap', async () => {
    const kernel = boot();
    const root = await spawn(kernel, { ...writer, children: [{ pid: 9, ...writer }] });
    const cuts = await Promise.all([kernel.cut(root), kernel.cut(9), kernel.cut(root), kernel.cut(9)]);
    expect(cuts.map(({ tree }) => tree.tasks.length)).toEqual([2, 1, 2, 1]);
    for (const cut of cuts) cut.release();
    await kernel.kill(root);
    await kernel.settled();
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('goes on in the same kernel when it is adopted, to the same end', async () => {
    const undisturbed = boot();
    const expected = exitsOf(undisturbed);
    await spawn(undisturbed, forktree);
    await undisturbed.settled();

    const kernel = boot();
    const stopped = kernel.stopAt(1, 170);
    const root = await spawn(kernel, forktree);
    await stopped;
    const { tree } = await kernel.cut(root, { leaveFrozen: true });
    await kernel.kill(root);
    await kernel.settled();
    const exits = exitsOf(kernel);
    await kernel.adopt(tree);
    await kernel.settled();
    expect(exits.size).toBeGreaterThan(0);
    for (const [pid, { digest }] of exits) expect([pid, digest]).toEqual([pid, expected.get(pid)?.digest]);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('gives its memory back once, however often it is released', async () => {
    const kernel = boot();
    const root = await spawn(kernel, writer);
    const cut = await kernel.cut(root, { leaveFrozen: true });
    const used = kernel.memory.stats().used;
    const mm = cut.tree.tasks[0]!.mm as Mm;
    cut.releaseMm(mm);
    cut.releaseMm(mm);
    cut.release();
    expect(kernel.memory.stats().used).toBeLessThanOrEqual(used);
    await kernel.kill(root);
    await kernel.settled();
    expect(kernel.memory.stats().used).toBe(0);
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
