import { type Kernel, parseSpec, releaseLeaves } from '@ckptree/kernel';
import { type Cut, EXIT_ZOMBIE, type Mm, type Task, type TaskTree } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import { boot, exitsOf, spawn, until } from './support/kernels.js';

const idle = { program: 'idle', params: { ticks: 1_000_000_000 } };
const brief = { program: 'sieve', params: { limit: 100_000 } };

/** A cut of a tree whose tasks are gone then. What it holds goes over to those who adopt it. */
async function cutOf(kernel: Kernel, root: object): Promise<Cut> {
  const { tree } = parseSpec({ root }, { baseFolder: '.' });
  const stopped = tree.tasks.map(({ pid }) => kernel.stopAt(pid, 3, { unborn: true }));
  const rootPid = await kernel.spawn(tree);
  await Promise.all(stopped);
  const cut = await kernel.cut(rootPid, { leaveFrozen: true });
  await kernel.kill(rootPid);
  await kernel.settled();
  return cut;
}

const withTask = ({ rootPid, tasks }: TaskTree, index: number, change: Partial<Task>): TaskTree => ({
  rootPid,
  tasks: tasks.map((task, each) => (each === index ? { ...task, ...change } : task)),
});

test('the children of a zombie are given to the root, and the threads of a zombie end with it', async () => {
  const kernel = boot();
  const exits = exitsOf(kernel);
  const lasting = { program: 'idle', params: { forever: true } };
  const { tree } = await cutOf(kernel, {
    ...lasting,
    children: [{ ...lasting, children: [lasting, lasting] }],
  });
  exits.clear();
  const { registers: _, mm, files: __, ...ended } = tree.tasks[1]!;
  // What the zombie held goes with it.
  const memory = mm!.memory.leaves;
  const tasks = [tree.tasks[0]!, { ...ended, exitState: EXIT_ZOMBIE }, tree.tasks[2]!, tree.tasks[3]!];
  releaseLeaves(kernel.memory, memory);
  await kernel.adopt(withTask({ ...tree, tasks }, 3, { tgid: 2, exitSignal: -1 }));
  await until(() => exits.has(4));
  expect(exits.get(4)?.status).toBe(9);
  const rows = kernel.ps().map(({ pid, ppid, state }) => [pid, ppid, state === 'zombie']);
  expect(rows).toEqual([[1, 0, false], [2, 1, true], [3, 1, false]]); // biome-ignore format: a tree
  await kernel.kill(1);
  await kernel.settled();
  expect([kernel.ps(), kernel.memory.stats().used]).toEqual([[], 0]);
});

test.each([{ frozen: false }, { frozen: true }])(
  'a root that has ended is gone at once, as nobody waits for it: %j',
  async (options) => {
    const kernel = boot();
    const lasting = { program: 'idle', params: { forever: true } };
    const { tree } = await cutOf(kernel, { ...lasting, children: [lasting] });
    const { registers: _, mm, files: __, ...ended } = tree.tasks[0]!;
    releaseLeaves(kernel.memory, mm!.memory.leaves);
    await kernel.adopt({ ...tree, tasks: [{ ...ended, exitState: EXIT_ZOMBIE }, tree.tasks[1]!] }, options);
    expect(kernel.ps().map(({ pid, ppid }) => [pid, ppid])).toEqual([[2, 0]]);
    await kernel.kill(2);
    expect([kernel.ps(), kernel.memory.stats().used]).toEqual([[], 0]);
  },
);

test('a group without its leader hangs together, below the first of it', async () => {
  const kernel = boot();
  const lasting = { program: 'idle', params: { forever: true } };
  const { tree } = await cutOf(kernel, { ...lasting, children: [lasting] });
  const group = { tgid: 77, ppid: 76, exitSignal: -1 };
  const tasks = tree.tasks.map((task) => ({ ...task, ...group }));
  await kernel.adopt({ ...tree, tasks });
  const cut = await kernel.cut(1);
  expect(cut.tree.tasks.map(({ pid, ppid, tgid }) => [pid, ppid, tgid])).toEqual([[1, 76, 77], [2, 76, 77]]); // biome-ignore format: a tree
  cut.release();
  await kernel.kill(1);
  await kernel.settled();
  expect([kernel.ps(), kernel.memory.stats().used]).toEqual([[], 0]);
});

test('a task whose group has the number of another tree is no part of that', async () => {
  const kernel = boot();
  const lasting = { program: 'idle', params: { forever: true } };
  const { tree } = await cutOf(kernel, lasting);
  await spawn(kernel, { ...lasting, pid: 9 });
  await kernel.adopt(withTask(tree, 0, { tgid: 9 }));
  await kernel.kill(1);
  expect(kernel.ps().map(({ pid }) => pid)).toEqual([9]);
});

test('a task that asked for a signal at the end of its parent gets it behind a restart, too', async () => {
  const kernel = boot();
  const exits = exitsOf(kernel);
  const { tree } = await cutOf(kernel, { ...idle, children: [{ ...brief, children: [idle] }] });
  exits.clear();
  await kernel.adopt(withTask(tree, 2, { pdeathSignal: 15 }), { frozen: true });
  const again = await kernel.cut(1, { leaveFrozen: true });
  expect(again.tree.tasks.map(({ pdeathSignal }) => pdeathSignal)).toEqual([0, 0, 15]);
  again.release();
  await again.thaw();
  await until(() => exits.has(3));
  expect([exits.get(2)?.status, exits.get(3)?.status]).toEqual([0, 15]);
  await kernel.kill(1);
});

test('what a task shares with several others it shares behind a restart, too', async () => {
  const kernel = boot({ cpus: 3 });
  const { tree, releaseMm } = await cutOf(kernel, { ...idle, children: [idle, idle] });
  const [one, two, three] = tree.tasks as [Task, Task, Task];
  releaseMm(three.mm!);
  // As when a task has two children that share its memory, one of them its descriptors as well, and executes a program.
  await kernel.adopt(withTask(tree, 2, { mm: two.mm!, files: one.files! }), { frozen: true });
  const again = await kernel.cut(1);
  again.release();
  const [first, second, third] = again.tree.tasks as [Task, Task, Task];
  expect(third.mm).toBe(second.mm);
  expect(third.files).toBe(first.files);
  expect([first.mm!.users, second.mm!.users, first.files!.users, second.files!.users]).toEqual([1, 2, 2, 1]);
  await kernel.kill(1);
  expect(kernel.memory.stats().used).toBe(0);
});

test('new tasks go where restarted ones leave room', async () => {
  const kernel = boot();
  const { tree } = await cutOf(kernel, { ...idle, children: [{ ...idle, share: ['mm'] }] });
  const running = () => until(() => kernel.ps().every(({ ticks }) => ticks > 0));
  await kernel.adopt(tree);
  await running();
  await spawn(kernel, { pid: 7, ...idle });
  expect(kernel.ps().map(({ cpu }) => cpu)).toEqual([0, 0, 1]);
  await kernel.kill([1, 7]);
  // Nor does anything stay behind when all have ended.
  await spawn(kernel, { pid: 1, ...idle });
  await running();
  await spawn(kernel, { pid: 2, ...idle });
  expect(kernel.ps().map(({ cpu }) => cpu)).toEqual([0, 1]);
});

test.each<[string, string, (task: Task) => Partial<Task>]>([
  ['a program that is not there', 'ENOENT', ({ mm }) => ({ mm: executing(mm!, '/ckptree/bin/nothing') })],
  ['no program at all', 'ENOENT', ({ mm }) => ({ mm: executing(mm!, '/bin/sh') })],
  ['no address space', 'EINVAL', () => ({ mm: undefined as never })],
  ['no descriptor table', 'EINVAL', () => ({ files: undefined as never })],
  ['no registers', 'EINVAL', () => ({ registers: undefined as never })],
])('a tree with a task that has %s is refused, and nothing is left of it', async (_, code, change) => {
  const kernel = boot();
  const { tree, releaseMm } = await cutOf(kernel, { ...idle, children: [idle] });
  const bad = withTask(tree, 1, change(tree.tasks[1]!));
  if (bad.tasks[1]!.mm === undefined) releaseMm(tree.tasks[1]!.mm!);
  await expect(kernel.adopt(bad)).rejects.toMatchObject({ code, fields: { pid: 2 } });
  expect(kernel.ps()).toEqual([]);
  expect(kernel.memory.stats().used).toBe(0);
});

const executing = (mm: Mm, path: string): Mm => ({ ...mm, exe: { ...mm.exe!, path } });
