import { SIGCHLD } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import type { CpuControl } from '../dist/cpu/cpu-control.js';
import { Freezer, type Roll } from '../dist/cut/freezer.js';
import { type Scope, subtrees } from '../dist/cut/scope.js';
import { exitLocked } from '../dist/process/exit.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { FLAG, FROZEN_FLAGS, KERNEL_SLOT, SLOT } from '../dist/process/slot.js';

/** A table with tasks by (pid, parent's pid), and a freezer. */
function freezing(edges: readonly (readonly [number, number])[]) {
  const table = ProcessTable.create(20);
  const slot = (pid: number) => table.find(pid) ?? KERNEL_SLOT;
  for (const [pid, ppid] of edges)
    table.locked(() => {
      const identity = { pid, ppid, comm: 'x', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, flags: 0 };
      table.addLocked({ ...identity, parent: slot(ppid), cpu: 0 });
    });
  const control = { cpus: 1, ring: () => undefined, current: () => slot(1), waitLeft: () => true };
  const frozen = () =>
    edges
      .map(([pid]) => pid)
      .filter((pid) => (table.flags(slot(pid)) & FLAG.FREEZE_CUT) !== 0 && slot(pid) !== KERNEL_SLOT);
  return { table, slot, frozen, control, freezer: new Freezer(table, control as unknown as CpuControl) };
}

const nothing = () => undefined;

/** The roll of what no signal is about to end. */
function called(roll: Roll | number): Roll {
  if (typeof roll === 'number') throw new Error(`task ${roll} is about to end`);
  return roll;
}

const marked = (freezer: Freezer, scope: Scope) => called(freezer.mark(scope, nothing));

const end = (pid: number) => (table: ProcessTable) =>
  void table.locked(() => exitLocked(table, table.find(pid)!, 0, new Uint8Array(16)));

const pidsOf = (table: ProcessTable, slots: readonly number[]) =>
  slots.map((slot) => table.get(slot, SLOT.PID));

test('an orphan that leaves the tree while it is frozen is not left frozen by the cut', () => {
  const { table, frozen, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3], [5, 2]]); // biome-ignore format: a tree
  const before = marked(freezer, subtrees([2]));
  end(3)(table);
  const roll = called(freezer.recall(subtrees([2]), before, nothing));
  expect(roll.version).not.toBe(before.version);
  expect(pidsOf(table, roll.members)).toEqual([2, 3, 5]);
  expect(frozen()).toEqual([2, 3, 5]);
  freezer.release(roll);
  expect(frozen()).toEqual([]);
});

test('the orphans of a tree that has gone are not left frozen either', () => {
  const { table, frozen, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3]]); // biome-ignore format: a tree
  const roll = marked(freezer, subtrees([3]));
  end(3)(table);
  table.locked(() => table.releaseLocked(table.find(3)!));
  expect(() => freezer.recall(subtrees([3]), roll, nothing)).toThrow(/ESRCH|no task 3/);
  freezer.abandon(roll);
  expect(frozen()).toEqual([]);
});

test('what another cut holds stays frozen then', () => {
  const { table, frozen, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3], [9, 1]]); // biome-ignore format: a tree
  const held = marked(freezer, subtrees([9]));
  const before = marked(freezer, subtrees([2]));
  end(3)(table);
  freezer.recall(subtrees([2]), before, nothing);
  expect(frozen()).toEqual([2, 3, 9]);
  freezer.release(held);
  expect(frozen()).toEqual([2, 3]);
});

test('a slot that is another task by the time a cut is let go is left alone', () => {
  const { table, slot, freezer } = freezing([[1, 0], [2, 1], [3, 2]]); // biome-ignore format: a tree
  end(3)(table);
  const roll = marked(freezer, subtrees([2]));
  const reused = slot(3);
  table.locked(() => table.releaseLocked(reused));
  const identity = { ppid: 1, comm: 'y', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, cpu: 0 };
  const born = table.locked(() =>
    table.addLocked({ ...identity, pid: 7, parent: slot(1), flags: FLAG.FREEZE_CUT }),
  );
  expect(born).toBe(reused);
  freezer.keep(roll);
  freezer.release(roll);
  expect(table.flags(born) & (FLAG.FREEZE_CUT | FLAG.FREEZE_USER)).toBe(FLAG.FREEZE_CUT);
  expect(table.flags(slot(2)) & FLAG.FREEZE_USER).not.toBe(0);
  expect(table.flags(slot(2)) & FLAG.FREEZE_CUT).toBe(0);
});

const freezeFlags = (table: ProcessTable, pids: readonly number[]) =>
  pids.map((pid) => table.flags(table.find(pid)!) & FROZEN_FLAGS);

/** Waits for a task that never comes to a safe point, while something happens to the tree. */
function meanwhile(control: { waitLeft: () => boolean }, happens: () => void, inTime: boolean): void {
  control.waitLeft = () => {
    happens();
    control.waitLeft = () => inTime;
    return inTime;
  };
}

test('a freeze that comes to nothing leaves no orphan frozen that has left the tree', async () => {
  const { table, slot, control, freezer } = freezing([[1, 0], [2, 1], [3, 2]]); // biome-ignore format: a tree
  control.current = () => slot(2);
  const identity = { ppid: 3, comm: 'y', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, cpu: 0 };
  meanwhile(
    control,
    () => {
      const flags = table.flags(slot(3));
      table.locked(() => table.addLocked({ ...identity, pid: 4, parent: slot(3), flags }));
      end(3)(table);
    },
    false,
  );
  await expect(freezer.freeze(subtrees([2]), 0)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(freezeFlags(table, [1, 2, 4])).toEqual([0, 0, 0]);
});

test('a freeze freezes what is in the tree when all stand still, and no orphan that has left it', async () => {
  const { table, slot, control, freezer } = freezing([[1, 0], [2, 1], [3, 2], [4, 3]]); // biome-ignore format: a tree
  control.current = () => slot(2);
  meanwhile(control, () => end(3)(table), true);
  await freezer.freeze(subtrees([2]), 0);
  expect(freezeFlags(table, [1, 2, 4])).toEqual([0, FLAG.FREEZE_USER, 0]);
});

test('a freeze that comes to nothing leaves frozen what was so before', async () => {
  const { table, control, freezer } = freezing([[1, 0], [2, 1], [3, 1]]); // biome-ignore format: a tree
  await freezer.freeze(subtrees([3]), 0);
  control.waitLeft = () => false;
  await expect(freezer.freeze(subtrees([1]), 0)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(freezeFlags(table, [1, 2, 3])).toEqual([0, 0, FLAG.FREEZE_USER]);
});

test('a freeze that comes to nothing leaves nobody frozen who was born meanwhile', async () => {
  const { table, slot, control, freezer } = freezing([[1, 0], [2, 1]]); // biome-ignore format: a tree
  const identity = { ppid: 2, comm: 'y', tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD, cpu: 0 };
  control.waitLeft = () => {
    if (slot(3) === KERNEL_SLOT)
      table.locked(() =>
        table.addLocked({ ...identity, pid: 3, parent: slot(2), flags: table.flags(slot(2)) }),
      );
    return false;
  };
  await expect(freezer.freeze(subtrees([1]), 0)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect([1, 2, 3].map((pid) => table.flags(slot(pid)))).toEqual([0, 0, 0]);
});
