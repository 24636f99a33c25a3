import { readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kernel, parseSpec, placeSpawn, type SpawnTree, splitTree, type TaskExit } from '@ckptree/kernel';
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

const treeOf = (root: object, files: object[] = []): SpawnTree =>
  parseSpec({ root, ...(files.length > 0 ? { files } : {}) }, { baseFolder: tmpdir() }).tree;

const endless = { program: 'idle', params: { memoryMiB: 1, ticks: 1_000_000_000, writesPerTick: 1 } };
const short = { program: 'sieve', params: { limit: 1000 } };

/** A tree of 1 with 2 (and its child 3) and 4, of which 2 and below are on another worker. */
const parted = (task: object) =>
  splitTree(treeOf({ ...task, children: [{ ...task, children: [task] }, task] }), {
    treeId: 't-x',
    workerOf: (pid) => (pid === 2 || pid === 3 ? 'other' : 'first'),
  });

/** Where a link leads; nowhere when it has gone meanwhile. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(1);
}

const ids = ({ pid, ppid, pgid, sid, rootPid }: ReturnType<Kernel['ps']>[number]) => [
  pid,
  ppid,
  pgid,
  sid,
  rootPid,
];

test('README: a part is loaded, started, and cut', async () => {
  const tree = treeOf({ ...endless, children: [endless] });
  const workers = [
    { id: 'a', load: 0 },
    { id: 'b', load: 0 },
  ];
  const workerOf = placeSpawn(tree, { workers });
  const parts = splitTree(tree, { treeId: 't-1', workerOf: (pid) => workerOf.get(pid)! });
  const forest = await kernel.loadSpawned(parts.get('a')!);
  forest.start();
  const cut = await kernel.hold({ rootPid: forest.rootPid }, { leaseMs: 20_000 });
  expect(cut.resume()).toMatchObject({ leaseEnded: false });
  expect((await cut.tree).tasks.map(({ pid }) => pid)).toEqual([1]);
  cut.release();
});

describe('a forest', () => {
  test('is loaded and does not run before it is started', async () => {
    const forest = await kernel.loadSpawned(parted(endless).get('other')!);
    expect([forest.rootPid, forest.pids]).toEqual([1, [2, 3]]);
    await sleep(20);
    expect(kernel.ps().map(({ ticks, state }) => [ticks, state])).toEqual([
      [0, 'frozen'],
      [0, 'frozen'],
    ]);
    forest.start();
    forest.start();
    await until(() => kernel.ps().every(({ ticks }) => ticks > 0));
    expect(() => forest.abandon()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('keeps parents that are elsewhere, and sessions and groups that go down the whole tree', async () => {
    await kernel.loadSpawned(parted({ ...endless, comm: 'x' }).get('other')!);
    expect(kernel.ps().map(ids)).toEqual([
      [2, 1, 1, 1, 1],
      [3, 2, 1, 1, 1],
    ]);
    expect(kernel.fragments(1)).toEqual([
      { pid: 2, ppid: 1, pgid: 1, sid: 1, comm: 'x', zombie: false, tasks: 2 },
    ]);
    expect(kernel.fragments(2)).toEqual([]);
  });

  test('may be started frozen, and thawed', async () => {
    const forest = await kernel.loadSpawned(parted(endless).get('first')!);
    forest.start({ frozen: true });
    await sleep(10);
    expect(kernel.ps().map(({ ticks }) => ticks)).toEqual([0, 0]);
    await kernel.thaw([1]);
    await until(() => kernel.ps().every(({ ticks }) => ticks > 0));
  });

  test('that is abandoned is gone with its memory and files, zombies and all, and its pids are free', async () => {
    const open = [{ fd: 0, file: 'own' }];
    const tree = treeOf({ ...endless, children: [{ ...endless, open, children: [endless] }] }, [
      { name: 'own', path: import.meta.filename },
    ]);
    const part = splitTree(tree, {
      treeId: 't-x',
      workerOf: (pid) => (pid === 1 ? 'first' : 'other'),
    }).get('other')!;
    const openHere = () =>
      readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === import.meta.filename)
        .length;
    const forest = await kernel.loadSpawned(part);
    expect(openHere()).toBe(1);
    await forest.abandon();
    await forest.abandon();
    expect(kernel.ps()).toEqual([]);
    expect(kernel.memory.stats().used).toBe(0);
    expect(openHere()).toBe(0);
    expect(() => forest.start()).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    await kernel.loadSpawned(part);
  });

  test('that was not started can be killed', async () => {
    const forest = await kernel.loadSpawned(parted(endless).get('other')!);
    await kernel.kill(2);
    expect(kernel.fragments(1)).toMatchObject([
      { pid: 2, zombie: true },
      { pid: 3, ppid: 1, zombie: true },
    ]);
    forest.start();
    await kernel.disown({ parents: [1] });
    expect(kernel.ps()).toEqual([]);
  });

  test('of which a program cannot start leaves nothing behind', async () => {
    const missing = { program: 'wordcount', params: { path: '/no/such/file' } };
    const parts = splitTree(treeOf({ ...endless, children: [{ ...endless, children: [missing] }] }), {
      treeId: 't-x',
      workerOf: (pid) => (pid === 1 ? 'first' : 'other'),
    });
    await expect(kernel.loadSpawned(parts.get('other')!)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(kernel.ps()).toEqual([]);
    expect(kernel.memory.stats().used).toBe(0);
  });

  test('that refers to what it does not hold is refused', async () => {
    const part = parted(endless).get('other')!;
    const [first, second] = part.tasks;
    for (const tasks of [
      [{ ...first!, start: 7 }],
      [{ ...first!, table: 7 }],
      [{ ...first!, mmOf: 1 }, second!],
    ])
      await expect(kernel.loadSpawned({ ...part, tasks })).rejects.toMatchObject({ code: 'EINVAL' });
    const tables = [{ open: [{ fd: 0, file: 3 }] }, { open: [] }];
    await expect(kernel.loadSpawned({ ...part, tables })).rejects.toMatchObject({ code: 'EINVAL' });
    expect(kernel.ps()).toEqual([]);
  });

  test('tells of the ends of its tasks with the root of their tree; those with a parent elsewhere stay for it', async () => {
    const exits: TaskExit[] = [];
    kernel.onExit((exit) => exits.push(exit));
    const forest = await kernel.loadSpawned(parted(short).get('other')!);
    forest.start();
    await kernel.settled();
    expect(exits.map(({ pid, rootPid }) => [pid, rootPid]).toSorted()).toEqual([
      [2, 1],
      [3, 1],
    ]);
    await until(() => kernel.ps().some(({ pid, state }) => pid === 2 && state === 'zombie'));
    expect((await kernel.disown({ parents: [1] })).gone).toContain(2);
    expect(kernel.ps()).toEqual([]);
  });

  test('is frozen, thawed and killed by several roots at once; those that have gone are left out', async () => {
    const forest = await kernel.loadSpawned(
      splitTree(treeOf({ ...endless, children: [endless, endless, endless] }), {
        treeId: 't-x',
        workerOf: (pid) => (pid === 1 ? 'first' : 'other'),
      }).get('other')!,
    );
    forest.start();
    await kernel.freeze([2, 4, 99]);
    expect(kernel.ps().map(({ state }) => state)).toEqual(['frozen', 'running', 'frozen']);
    await kernel.thaw([4, 3]);
    expect(kernel.ps().map(({ state }) => state)).toEqual(['frozen', 'running', 'running']);
    await kernel.kill([2, 3, 4, 99]);
    expect(kernel.ps().every(({ state }) => state === 'zombie')).toBe(true);
    await expect(kernel.freeze([98, 99])).rejects.toMatchObject({ code: 'ESRCH' });
    await expect(kernel.kill([98, 99])).rejects.toMatchObject({ code: 'ESRCH' });
  });
});

describe('splitting a tree', () => {
  const file = { name: 'log', path: 'log', flags: 'w+' };
  const open = [{ fd: 0, file: 'log' }];

  test('gives keys to the tables and files that several workers get, and to no other', () => {
    const tree = treeOf(
      {
        ...endless,
        open,
        children: [
          { ...endless, share: ['files'] },
          { ...endless, open: [{ fd: 3, file: 'own' }] },
        ],
      },
      [{ name: 'own', path: 'own' }, file],
    );
    const parts = splitTree(tree, { treeId: 't-x', workerOf: (pid) => (pid === 2 ? 'b' : 'a') });
    const log = { key: 't-x:f1', path: tree.files[1]!.path, flags: 'w+' };
    expect(parts.get('a')).toMatchObject({
      tables: [{ key: 't-x:d0', open: [{ fd: 0, file: 0 }] }, { open: [{ fd: 3, file: 1 }] }],
      files: [log, { path: tree.files[0]!.path, flags: 'r' }],
      tasks: [
        { pid: 1, table: 0 },
        { pid: 3, table: 1 },
      ],
    });
    expect(parts.get('a')!.tables[1]).not.toHaveProperty('key');
    expect(parts.get('a')!.files[1]).not.toHaveProperty('key');
    expect(parts.get('b')).toMatchObject({
      rootPid: 1,
      tables: [{ key: 't-x:d0', open: [{ fd: 0, file: 0 }] }],
      files: [log],
      tasks: [{ pid: 2, ppid: 1, table: 0 }],
    });
  });

  test('tells what copies of a task have in common once', () => {
    const tree = treeOf({ ...endless, children: [{ ...short, repeat: 1000 }] });
    const part = splitTree(tree, { treeId: 't-x', workerOf: () => 'a' }).get('a')!;
    expect([part.tasks.length, part.starts.length]).toEqual([1001, 2]);
  });

  test('cannot part tasks that share an address space', () => {
    const tree = treeOf({ ...endless, children: [{ ...endless, share: ['mm'] }] });
    expect(() => splitTree(tree, { treeId: 't-x', workerOf: String })).toThrow(
      expect.objectContaining({ code: 'EINVAL', fields: expect.objectContaining({ pid: 2 }) }),
    );
  });
});

describe('placing a tree', () => {
  const workers = ['a', 'b', 'c'].map((id) => ({ id, load: 0 }));
  const counts = (placed: ReadonlyMap<number, string>) =>
    workers.map(({ id }) => [...placed.values()].filter((worker) => worker === id).length);

  test('loads all workers alike and leaves neighbours together', () => {
    const tree = treeOf({ ...endless, children: [{ ...endless, repeat: 8, children: [endless] }] });
    const placed = placeSpawn(tree, { workers });
    expect(counts(placed).toSorted()).toEqual([5, 6, 6]);
    const inOrder = tree.tasks.map(({ pid }) => placed.get(pid));
    expect(inOrder.filter((worker, index) => index > 0 && worker !== inOrder[index - 1])).toHaveLength(2);
  });

  test('counts what workers have to do already', () => {
    const tree = treeOf({ ...endless, children: [{ ...endless, repeat: 9 }] });
    const [a, b, c] = workers;
    expect(counts(placeSpawn(tree, { workers: [{ ...a!, load: 100 }, { ...b!, load: 4 }, c!] }))).toEqual([
      0, 3, 7,
    ]);
  });

  test('keeps together what shares an address space or a table, unless a table is told apart', () => {
    const tree = treeOf({
      ...endless,
      children: [
        { ...endless, share: ['mm'] },
        { ...endless, share: ['files'] },
        { ...endless, share: ['files'] },
      ],
    });
    expect(new Set(placeSpawn(tree, { workers }).values()).size).toBe(1);
    const placed = placeSpawn(tree, {
      workers,
      placement: new Map([
        [2, 'b'],
        [3, 'c'],
      ]),
    });
    expect([...placed]).toEqual([
      [1, 'b'],
      [2, 'b'],
      [3, 'c'],
      [4, 'b'],
    ]);
  });

  test('refuses a placement that cannot be', () => {
    const tree = treeOf({ ...endless, children: [{ ...endless, share: ['mm'] }] });
    const refusal = (placement: readonly (readonly [number, string])[]) => () =>
      placeSpawn(tree, { workers, placement: new Map(placement) });
    expect(refusal([[1, 'a'], [2, 'b']])).toThrow(expect.objectContaining({ code: 'EINVAL' })); // biome-ignore format: pairs
    expect(refusal([[9, 'a']])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(refusal([[1, 'z']])).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => placeSpawn(tree, { workers: [] })).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  });
});
