import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { describe, expect, test } from '@jest/globals';
import { boot, exitsOf, forktree, spawn, until, writer } from './support/kernels.js';

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

describe('a cut', () => {
  test('of a task that its parent waits for at any time shows that task, or there is none', async () => {
    const kernel = boot({ cpus: 2 });
    const width = 8;
    const root = await spawn(kernel, {
      program: 'forkstorm',
      params: { forks: 100_000_000, width, work: 3, pidBase: 2 },
    });
    const outcomes = new Set<unknown>();
    for (let round = 0; round < 3000; round++) {
      const pid = 2 + (round % width);
      const cut = await kernel.cut(pid).catch(({ code }) => void outcomes.add(code));
      if (cut === undefined) continue;
      outcomes.add(cut.tree.rootPid === pid);
      cut.release();
    }
    expect([...outcomes].filter((outcome) => outcome !== 'ESRCH')).toEqual([true]);
    await kernel.kill(root);
    await kernel.settled();
    expect(kernel.memory.stats().used).toBe(0);
  });

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
    const stopped = kernel.stopAt(3, 1, { unborn: true });
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
    const stopped = kernel.stopAt(1, 170, { unborn: true });
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

  test('shows no task alive that the end of its parent is about to end, as an image has no place for the signal', async () => {
    const kernel = boot();
    const forever = { program: 'idle', params: { forever: true } };
    const pairs = Array.from({ length: 60 }, (_, pair) => ({
      ...{ pid: 100 + pair, program: 'idle', params: { ticks: 2000 + 700 * pair } },
      children: [{ pid: 200 + pair, ...forever }],
    }));
    const root = await spawn(kernel, { pid: 1, ...forever, children: pairs });
    const { tree } = await kernel.cut(root, { leaveFrozen: true });
    await kernel.kill(root);
    await kernel.settled();
    const tasks = tree.tasks.map((task) => (task.pid < 200 ? task : { ...task, pdeathSignal: 15 }));
    await kernel.adopt({ ...tree, tasks });
    const living = async () => {
      const cut = await kernel.cut(root);
      cut.release();
      return new Set(cut.tree.tasks.filter(({ exitState }) => exitState === 0).map(({ pid }) => pid));
    };
    for (let pids = await living(); pids.size > 1; pids = await living())
      expect([...pids].filter((pid) => pid >= 200 && !pids.has(pid - 100))).toEqual([]);
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

  test.each([1, 2, 4])('of %i cpus lets all run again, whatever comes and goes meanwhile', async (cpus) => {
    const kernel = boot({ cpus });
    const storm = { program: 'forkstorm', params: { forks: 100_000_000, width: 8 } };
    const children = [writer, { ...storm, pid: 100_000 }, { ...storm, pid: 200_000 }];
    const root = await spawn(kernel, { ...writer, children });
    for (let round = 0; round < 60; round++) {
      const cut = await kernel.cut([root, 2, 200_000][round % 3]!);
      const { tasks } = cut.tree;
      const living = tasks.filter(({ exitState }) => exitState === 0);
      expect(living.every(({ mm, files }) => mm !== undefined && files !== undefined)).toBe(true);
      const pids = new Set(tasks.map(({ pid }) => pid));
      expect(tasks.slice(1).filter(({ ppid }) => !pids.has(ppid))).toEqual([]);
      expect(cut.timing.downtimeUs).toBeGreaterThan(0);
      cut.release();
    }
    const ticks = () => kernel.ps().filter(({ pid }) => [root, 2, 100_000, 200_000].includes(pid));
    const then = new Map(ticks().map((task) => [task.pid, task.ticks]));
    await until(() => ticks().every((task) => task.ticks > then.get(task.pid)!));
    expect(kernel.ps().filter(({ state }) => state === 'frozen')).toEqual([]);
    await kernel.kill(root);
    await kernel.settled();
    // What a cpu had not told yet comes in when it has time.
    await until(() => kernel.memory.stats().used === 0);
  });
});

/** The first frame that a snapshot maps. */
function firstFrame({ arenas, leaves }: MemorySnapshot): number {
  const leaf = leaves[1]!;
  const entries = new Int32Array(arenas[arenaOf(leaf)]!, offsetInArena(leaf), LEAF_ENTRIES);
  return entries.find((entry) => (entry & PTE_PRESENT) !== 0)! >>> PTE_FRAME_SHIFT;
}

describe('a cut whose memory is still on its way', () => {
  /** A frozen task with a page that does not come until that is said. */
  async function waiting() {
    const kernel = boot();
    const { memory } = kernel;
    const root = await spawn(kernel, writer);
    await kernel.freeze(root);
    const whole = await kernel.cut(root);
    const frame = firstFrame(whole.tree.tasks[0]!.mm!.memory);
    whole.release();
    memory.userfault.register(frame, 1, memory.userfault.newUnits(1));
    let bring: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      bring = () => {
        memory.userfault.resolve(frame, 1);
        resolve();
      };
    });
    kernel.follow({ done, stop: async () => bring(), reclaim: () => false });
    return { kernel, root, bring };
  }

  test('holds up nothing else that is asked of the kernel', async () => {
    const { kernel, root, bring } = await waiting();
    const cutting = kernel.cut(root);
    await spawn(kernel, { ...writer, pid: 100 });
    await kernel.kill(100);
    bring();
    const cut = await cutting;
    expect(cut.tree.tasks).toHaveLength(1);
    cut.release();
  });

  test.each([false, true])(
    'is given up at the signal, and leaves nothing (left frozen: %s)',
    async (leaveFrozen) => {
      const { kernel, root, bring } = await waiting();
      const given = new AbortController();
      const cutting = kernel.cut(root, { signal: given.signal, leaveFrozen });
      // The cut is taken by then.
      await kernel.freeze(root);
      given.abort();
      await expect(cutting).rejects.toMatchObject({ code: 'EINTR' });
      bring();
      await kernel.kill(root);
      expect(kernel.memory.stats().used).toBe(0);
    },
  );
});
