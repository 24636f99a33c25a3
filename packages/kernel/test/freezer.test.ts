import { SIGCHLD } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import type { CpuControl } from '../dist/cpu/cpu-control.js';
import { Freezer } from '../dist/cut/freezer.js';
import { subtrees } from '../dist/cut/scope.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { FLAG, KERNEL_SLOT, SLOT } from '../dist/process/slot.js';

/** A table with tasks by (pid, parent's pid), and a freezer that finds task 3 running: `lastTick` is what it does then. */
function freezing(edges: readonly (readonly [number, number])[], lastTick: (table: ProcessTable) => void) {
  const table = ProcessTable.create(20);
  const slot = (pid: number) => table.find(pid) ?? KERNEL_SLOT;
  for (const [pid, ppid] of edges)
    table.locked(() => {
      const identity = { pid, ppid, comm: 'x', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, flags: 0 };
      table.addLocked({ ...identity, parent: slot(ppid), cpu: 0 });
    });
  const control = {
    cpus: 1,
    current: () => slot(3),
    ring: () => undefined,
    waitLeft: () => {
      lastTick(table);
      return true;
    },
  };
  const frozen = () =>
    edges
      .map(([pid]) => pid)
      .filter((pid) => (table.flags(slot(pid)) & FLAG.FREEZE_CUT) !== 0 && slot(pid) !== KERNEL_SLOT);
  return { table, slot, frozen, freezer: new Freezer(table, control as unknown as CpuControl) };
}

const end = (pid: number) => (table: ProcessTable) =>
  void table.locked(() => table.exitLocked(table.find(pid)!, 0, new Uint8Array(16)));

const pidsOf = (table: ProcessTable, slots: readonly number[]) =>
  slots.map((slot) => table.get(slot, SLOT.PID));

test('an orphan that leaves the tree while it is frozen is not left frozen by the cut', async () => {
  const { table, frozen, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3], [5, 2]], end(3)); // biome-ignore format: a tree
  const members = await freezer.freeze(subtrees([2]), FLAG.FREEZE_CUT, 1000);
  expect(pidsOf(table, members)).toEqual([2, 3, 5]);
  expect(frozen()).toEqual([2, 3, 5]);
  freezer.release(members);
  expect(frozen()).toEqual([]);
});

test('what another cut holds stays frozen then', async () => {
  const { frozen, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3], [9, 1]], end(3)); // biome-ignore format: a tree
  const held = await freezer.freeze(subtrees([9]), FLAG.FREEZE_CUT, 1000);
  await freezer.freeze(subtrees([2]), FLAG.FREEZE_CUT, 1000);
  expect(frozen()).toEqual([2, 3, 9]);
  freezer.release(held);
  expect(frozen()).toEqual([2, 3]);
});

test('a slot that is another task by the time a cut is let go is left alone', async () => {
  const { table, slot, freezer } = freezing([[1, 0], [2, 1], [3, 2]], () => undefined); // biome-ignore format: a tree
  end(3)(table);
  const members = await freezer.freeze(subtrees([2]), FLAG.FREEZE_CUT, 1000);
  const reused = slot(3);
  table.locked(() => table.releaseLocked(reused));
  const identity = { ppid: 1, comm: 'y', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, cpu: 0 };
  const born = table.locked(() =>
    table.addLocked({ ...identity, pid: 7, parent: slot(1), flags: FLAG.FREEZE_CUT }),
  );
  expect(born).toBe(reused);
  freezer.release(members);
  expect(table.flags(born) & FLAG.FREEZE_CUT).not.toBe(0);
  expect(table.flags(slot(2)) & FLAG.FREEZE_CUT).toBe(0);
});
