import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesSource, verifyImage } from '@ckptree/image';
import { Kernel, parseSpec, type SpawnTree, type TaskExit } from '@ckptree/kernel';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shares, type TaskSpec, trees } from './random-tree.js';
import { Cluster } from './support/cluster.js';
import { atReachedTick } from './support/reached-tick.js';

const examples = join(import.meta.dirname, '../../../examples');
const folder = mkdtempSync(join(tmpdir(), 'ckptree-cluster-'));
const WORKERS = ['a', 'b', 'c'];
const cluster = new Cluster(WORKERS);
const alone = Kernel.boot({ cpus: 1, memoryBytes: 512 * 2 ** 20 });

afterEach(() => cluster.clear());

afterAll(async () => {
  await Promise.all([cluster.shutdown(), alone.shutdown()]);
  rmSync(folder, { recursive: true });
});

function example(name: string): SpawnTree {
  const document = JSON.parse(readFileSync(join(examples, name), 'utf8'));
  return parseSpec(document, { baseFolder: examples }).tree;
}

const treeOf = (root: TaskSpec, files: object[] = []): SpawnTree =>
  parseSpec({ root, ...(files.length > 0 ? { files } : {}) }, { baseFolder: examples }).tree;

const placed = (placement: Readonly<Record<number, string>>): Map<number, string> =>
  new Map(Object.entries(placement).map(([pid, worker]) => [Number(pid), worker]));

const hostOf = (pid: number): Kernel =>
  [...cluster.kernels.values()].find((kernel) => kernel.ps().some((task) => task.pid === pid))!;

/** The task of a spec that has forked another one, or is it: a program gives its children the pids behind its own. */
const ancestorIn = ({ tasks }: SpawnTree, pid: number): number =>
  Math.max(...tasks.map((task) => task.pid).filter((own) => own <= pid));

/** Spawns a tree over the workers and stops one of its tasks, which may be born on the way, at a tick. */
async function runUntil(
  tree: SpawnTree,
  places: Map<number, string>,
  pid: number,
  tick: number,
): Promise<void> {
  const forests = await cluster.loadSpawned(tree, places);
  const stopped = hostOf(ancestorIn(tree, pid)).stopAt(pid, tick, { unborn: true });
  for (const forest of forests) forest.start();
  try {
    await stopped;
  } catch (error) {
    await cluster.clear();
    throw error;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

const summary = ({ pid, status, digest }: TaskExit) => `${pid} ended with ${status}: ${digest}`;

async function endsAlone(tree: SpawnTree): Promise<readonly TaskExit[]> {
  const ends: TaskExit[] = [];
  const stop = alone.onExit((end) => ends.push(end));
  await alone.spawn(tree);
  await alone.settled();
  stop();
  return ends;
}

/** Tasks of a spec that have no children there, round the workers: as many fragments as there can be. */
function scattered({ tasks }: SpawnTree): Map<number, string> {
  let next = 0;
  return new Map(
    tasks
      .filter(({ shareMm }) => !shareMm)
      .filter(({ pid }) => !tasks.some(({ ppid, shareMm }) => ppid === pid && shareMm))
      .map(({ pid }) => [pid, WORKERS[next++ % WORKERS.length]!]),
  );
}

describe('a tree that is spread over three workers', () => {
  test.each([
    ['mixed.json', 0.3],
    ['forktree.json', 0.5],
    ['shared.json', 0.1],
    ['sessions.json', 0.4],
    ['zombies.json', 0.2],
    ['threads.json', 0.6],
  ])('%s ends the same from a checkpoint on three workers, two and one', async (name, share) => {
    const tree = example(name);
    const rootPid = tree.tasks[0]!.pid;
    const undisturbed = await endsAlone(tree);
    const expected = new Set(undisturbed.map(summary));
    const { ticks } = undisturbed.findLast(({ pid }) => pid === rootPid)!;
    await atReachedTick(Math.floor(ticks * share), (tick) => runUntil(tree, scattered(tree), rootPid, tick));
    const { image, merged } = await cluster.checkpoint(rootPid, { container: true });
    expect(await verifyImage(bytesSource(image))).toMatchObject({ findings: [] });
    expect(merged.figures.tasks).toBe(merged.tasks.length);
    await cluster.clear();
    for (const on of [['c', 'b', 'a'], ['b', 'c'], ['a']]) {
      cluster.ends.length = 0;
      await cluster.restart(image, on);
      await cluster.settled();
      expect(cluster.ends.map(summary).filter((end) => !expected.has(end))).toEqual([]);
      const living = merged.tasks.filter(({ zombie }) => !zombie).map(({ pid }) => pid);
      expect(cluster.ends.map(({ pid }) => pid)).toEqual(expect.arrayContaining(living));
      for (const kernel of cluster.kernels.values()) expect(kernel.memory.stats().used).toBe(0);
    }
  });

  test('ends as if it had never been stopped: any tree, anywhere, any task, any tick', async () => {
    const law = fc.asyncProperty(
      trees(join(examples, 'data/prose.txt')),
      fc.array(fc.constantFrom(...WORKERS), { minLength: 1, maxLength: 5 }),
      fc.uniqueArray(fc.constantFrom(...WORKERS), { minLength: 1 }),
      fc.nat(),
      shares,
      async (root, where, on, pick, share) => {
        const tree = treeOf(root);
        const all = await endsAlone(tree);
        const chosen = all[pick % all.length]!;
        const places = tree.tasks.map(({ pid }, index) => [pid, where[index % where.length]!] as const);
        await atReachedTick(Math.floor(chosen.ticks * share), (tick) =>
          runUntil(tree, new Map(places), chosen.pid, tick),
        );
        // Not less than this: whether a task has its memory for itself is part of its last state.
        const { image } = await cluster.checkpoint(1, { pid: ancestorIn(tree, chosen.pid) });
        await cluster.clear();
        cluster.ends.length = 0;
        await cluster.restart(image, on);
        await cluster.settled();
        const expected = new Set(all.map(summary));
        expect(cluster.ends.map(summary).filter((end) => !expected.has(end))).toEqual([]);
        expect(cluster.ends.map(({ pid }) => pid)).toContain(chosen.pid);
      },
    );
    await fc.assert(law, { numRuns: 25 });
  });
});

const endless: TaskSpec = { program: 'idle', params: { memoryMiB: 0, ticks: 1_000_000_000 } };
const brief: TaskSpec = { program: 'sieve', params: { limit: 100 } };

describe('a checkpoint over three workers', () => {
  test('may be of any task and all below it, wherever they are', async () => {
    const work: TaskSpec = { program: 'kvstore', params: { workingSetMiB: 1, operations: 30_000 } };
    const tree = treeOf({
      ...endless,
      children: [{ ...work, children: [{ ...work, children: [work] }, work] }, endless],
    });
    await cluster.spawn(tree, placed({ 1: 'a', 2: 'b', 3: 'c', 4: 'a', 5: 'b', 6: 'b' }));
    const { merged, image } = await cluster.checkpoint(1, { pid: 2 });
    expect(merged.tasks.map(({ pid, worker }) => [pid, worker])).toEqual([
      [2, 'b'],
      [5, 'b'],
      [3, 'c'],
      [4, 'a'],
    ]);
    await cluster.clear();
    cluster.ends.length = 0;
    await cluster.restart(image, ['a', 'c']);
    await cluster.settled();
    expect(cluster.ends.map(({ pid, status }) => [pid, status]).toSorted()).toEqual([
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 0],
    ]);
  });

  test('has orphans below the root, and they are there after the restart', async () => {
    const tree = treeOf({ ...endless, children: [{ ...brief, children: [endless, endless] }] });
    await cluster.spawn(tree, placed({ 1: 'a', 2: 'b', 3: 'b', 4: 'c' }));
    await until(() =>
      cluster
        .kernel('b')
        .ps()
        .some(({ pid, ppid }) => pid === 3 && ppid === 1),
    );
    await until(() =>
      cluster
        .kernel('c')
        .ps()
        .some(({ pid, ppid }) => pid === 4 && ppid === 1),
    );
    const { merged, image } = await cluster.checkpoint(1);
    expect(merged.tasks.map(({ pid, ppid, zombie }) => [pid, ppid, zombie])).toEqual([
      [1, 0, false],
      [2, 1, true],
      [3, 1, false],
      [4, 1, false],
    ]);
    await cluster.clear();
    await cluster.restart(image, ['c']);
    expect(
      cluster
        .kernel('c')
        .ps()
        .map(({ pid, ppid, state }) => [pid, ppid, state === 'zombie']),
    ).toEqual(merged.tasks.map(({ pid, ppid, zombie }) => [pid, ppid, zombie]));
  });

  test('fails when copies of a descriptor table have come to differ', async () => {
    const writes: TaskSpec = {
      program: 'logwriter',
      params: { input: 'data/prose.txt', output: join(folder, 'copied'), blockBytes: 1 },
      share: ['files'],
    };
    const tree = treeOf({ ...endless, open: [{ fd: 9, file: 'prose' }], children: [writes] }, [
      { name: 'prose', path: 'data/prose.txt' },
    ]);
    await cluster.spawn(tree, placed({ 1: 'a', 2: 'b' }));
    await until(() =>
      cluster
        .kernel('b')
        .ps()
        .some(({ ticks }) => ticks > 10),
    );
    await expect(cluster.checkpoint(1)).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining('t-'),
      fields: { object: 'FILE_TABLE' },
    });
    await cluster.kernel('b').kill(2);
    await expect(cluster.checkpoint(1)).resolves.toBeDefined();
  });

  test('of a container fails when one of its files is used outside of it, on another worker', async () => {
    const open = [{ fd: 3, file: 'prose' }];
    const tree = treeOf({ ...endless, open, children: [{ ...endless, open }] }, [
      { name: 'prose', path: 'data/prose.txt' },
    ]);
    await cluster.spawn(tree, placed({ 1: 'a', 2: 'b' }));
    await expect(cluster.checkpoint(1, { pid: 2, container: true })).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining('prose.txt'),
    });
    await expect(cluster.checkpoint(1, { container: true })).resolves.toBeDefined();
  });

  test('leaves what it saw as it was when it is to be left frozen', async () => {
    const tree = treeOf({ ...endless, children: [endless, endless] });
    await cluster.spawn(tree, placed({ 1: 'a', 2: 'b', 3: 'c' }));
    const first = await cluster.checkpoint(1, { leaveFrozen: true });
    await sleep(10);
    const second = await cluster.checkpoint(1);
    expect(second.image.equals(first.image)).toBe(true);
  });

  test('of tasks that fork all the time is consistent: each task is there once, with its parent', async () => {
    const storm: TaskSpec = { program: 'forkstorm', params: { forks: 100_000_000, width: 6 } };
    const tree = treeOf({
      ...endless,
      children: [
        { ...storm, pid: 1000 },
        { ...storm, pid: 2000 },
        { ...storm, pid: 3000 },
      ],
    });
    await cluster.spawn(tree, placed({ 1: 'a', 1000: 'a', 2000: 'b', 3000: 'c' }));
    for (let round = 0; round < 10; round++) {
      const { image } = await cluster.checkpoint(1, { container: true });
      expect(await verifyImage(bytesSource(image))).toMatchObject({ findings: [] });
    }
  });
});

test('a part that cannot be loaded is no harm: the others are abandoned and nothing is left', async () => {
  const tree = treeOf({ ...endless, children: [endless, endless] });
  await cluster.spawn(tree, placed({ 1: 'a', 2: 'b', 3: 'c' }));
  const { image } = await cluster.checkpoint(1);
  await cluster.clear();
  await cluster.kernel('b').spawn(treeOf({ ...endless, pid: 2 }));
  const loads = await cluster.load(image, ['a', 'b', 'c'], placed({ 1: 'a', 2: 'b', 3: 'c' }));
  expect(loads.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  for (const load of loads) if (load.status === 'fulfilled') await load.value.abandon();
  const left = [...cluster.kernels.values()].flatMap((kernel) => kernel.ps().map(({ pid }) => pid));
  expect(left).toEqual([2]);
});
