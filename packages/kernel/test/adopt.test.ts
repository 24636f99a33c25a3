import { type Kernel, parseSpec } from '@ckptree/kernel';
import type { Cut, Task, TaskTree } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import { boot, exitsOf, until } from './support/kernels.js';

const idle = { program: 'idle', params: { ticks: 1_000_000_000 } };
const brief = { program: 'sieve', params: { limit: 100_000 } };

/** A cut of a tree whose tasks are gone then. What it holds goes over to those who adopt it. */
async function cutOf(kernel: Kernel, root: object): Promise<Cut> {
  const { tree } = parseSpec({ root }, { baseFolder: '.' });
  const stopped = tree.tasks.map(({ pid }) => kernel.stopAt(pid, 3));
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
