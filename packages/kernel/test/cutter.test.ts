import { setTimeout as sleep } from 'node:timers/promises';
import type { CutOptions } from '@ckptree/model';
import { expect, test } from '@jest/globals';
import { CpuControl } from '../dist/cpu/cpu-control.js';
import type { CutPiece } from '../dist/cpu/messages.js';
import { CutControl } from '../dist/cut/cut-control.js';
import { Cutter } from '../dist/cut/cutter.js';
import { Freezer } from '../dist/cut/freezer.js';
import { subtrees } from '../dist/cut/scope.js';
import { OpenFiles } from '../dist/files/open-files.js';
import { PageFills } from '../dist/memory/page-fills.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { exitLocked } from '../dist/process/exit.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { FLAG, KERNEL_SLOT, SIGKILL, SLOT, STATE } from '../dist/process/slot.js';

const SIGTERM = 15;
/** How long tasks stand still before a signal has them let go. */
const FIRST_MS = 200;

/** A zombie, and a cpu that does nothing by itself. */
function cutting() {
  const table = ProcessTable.create(4);
  // biome-ignore format: one identity
  const identity = { pid: 7, ppid: 0, tgid: 7, pgid: 7, sid: 7, comm: 'gone', parent: KERNEL_SLOT, cpu: 0, exitSignal: 17, flags: 0 };
  table.locked(() => table.addZombieLocked(identity, 0, new Uint8Array(16)));
  const memory = PhysicalMemory.create(1 << 20);
  const control = CpuControl.create(1);
  const cuts = CutControl.create(1, 4);
  const freezer = new Freezer(table, control);
  const cutter = new Cutter({ table, memory, control, cuts, freezer, fills: new PageFills() });
  const piece = (cut: number): CutPiece => ({
    type: 'piece',
    ...{ cut, tasks: [], mms: [], tables: [], last: true },
    scene: { table: table.copy(), files: OpenFiles.create(4).copy() },
  });
  const cut = async (options: CutOptions = {}) => cutter.cut(7, await cutter.snapshot(7, options), options);
  return { table, control, cuts, cutter, cut, piece };
}

test('a cpu may tell what it saw before it is known that the cut is taken', async () => {
  const { table, cuts, cutter, cut, piece } = cutting();
  const taken = cut();
  table.locked(() => cuts.standLocked(0, table.versionLocked));
  const { id } = table.locked(() => cuts.partLocked(0)!);
  cutter.receive(piece(id));
  setImmediate(() => {
    table.locked(() => cuts.snapshotTakenLocked(0, id, 0));
    cuts.concluded();
  });
  expect((await taken).tree.tasks.map(({ pid }) => pid)).toEqual([7]);
});

test('a cut that is not taken in time is given up, and the next one is not disturbed by it', async () => {
  const { table, cuts, cutter, cut, piece } = cutting();
  await expect(cut({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(table.locked(() => cuts.partLocked(0))).toBeUndefined();
  const taken = cut();
  cutter.receive(piece(1));
  cutter.receive(piece(2));
  setImmediate(() => {
    table.locked(() => cuts.standLocked(0, table.versionLocked));
    table.locked(() => cuts.snapshotTakenLocked(0, 2, 0));
    cuts.concluded();
  });
  expect((await taken).tree.tasks).toHaveLength(1);
});

test('a cut waits for tasks that a signal is about to end, and freezes nothing before', async () => {
  const { table, cuts, cutter, cut, piece } = cutting();
  // biome-ignore format: one identity
  const identity = { pid: 8, ppid: 7, tgid: 8, pgid: 7, sid: 7, comm: 'dying', parent: table.find(7)!, cpu: 0, exitSignal: 17, flags: 0 };
  const slot = table.locked(() => table.addLocked(identity));
  table.locked(() => table.signalLocked(slot, SIGKILL));
  await expect(cut({ timeoutMs: 1 })).rejects.toMatchObject({
    code: 'ETIMEDOUT',
    fields: { pid: 8 },
  });
  const taken = cut();
  expect(table.flags(slot) & FLAG.FREEZE_CUT).toBe(0);
  // It ends by itself in its last tick: the signal is never acted on.
  table.locked(() => exitLocked(table, slot, 0, new Uint8Array(16)));
  while ((table.flags(slot) & FLAG.FREEZE_CUT) === 0) await sleep(1);
  table.locked(() => cuts.standLocked(0, table.versionLocked));
  const { id } = table.locked(() => cuts.partLocked(0)!);
  cutter.receive(piece(id));
  table.locked(() => cuts.snapshotTakenLocked(0, id, 0));
  cuts.concluded();
  const { tree } = await taken;
  expect(tree.tasks.map(({ pid, exitState }) => [pid, exitState])).toEqual([[7, 16], [8, 16]]); // biome-ignore format: a tree
});

test.each([
  [
    'that the end of its parent sends',
    (table: ProcessTable) => void exitLocked(table, table.find(2)!, 0, new Uint8Array(16)),
  ],
  [
    'that another one of the tree sends',
    (table: ProcessTable) => void table.signalLocked(table.find(3)!, SIGTERM),
  ],
])(
  'a cut waits for a task that gets a signal while the tree comes to stand still: one %s',
  async (_, send) => {
    const { table, cuts, cutter } = cutting();
    const add = (pid: number, parent: number) => table.locked(() => table.addLocked({ pid, ppid: 0, tgid: pid, pgid: 1, sid: 1, comm: 'x', parent, cpu: 0, exitSignal: 17, pdeathSignal: SIGTERM, flags: 0 })); // biome-ignore format: one identity
    const root = add(1, KERNEL_SLOT);
    const child = add(3, add(2, root));
    const isFrozen = (slot: number) => (table.flags(slot) & FLAG.FREEZE_CUT) !== 0;
    const held = cutter.hold(subtrees([1]), {});
    expect(isFrozen(child)).toBe(true);
    await sleep(FIRST_MS);
    table.locked(() => send(table));
    expect(table.locked(() => cuts.standLocked(0, table.versionLocked))).toBe(false);
    while (isFrozen(child)) {
      expect(table.locked(() => cuts.partLocked(0))).toBeUndefined();
      await sleep(1);
    }
    table.locked(() => exitLocked(table, child, SIGTERM, new Uint8Array(16)));
    while (!isFrozen(root)) await sleep(1);
    table.locked(() => cuts.standLocked(0, table.versionLocked));
    const { id, members } = table.locked(() => cuts.partLocked(0)!);
    expect([...members].toSorted().map((slot) => table.get(slot, SLOT.PID))).toEqual([1, 2, 3]);
    expect(table.get(child, SLOT.STATE)).toBe(STATE.ZOMBIE);
    table.locked(() => cuts.snapshotTakenLocked(0, id, 0));
    cuts.concluded();
    const cut = await held;
    // They had stood still before they were let go once more.
    expect(cut.resume().stoodStillUs).toBeGreaterThan(FIRST_MS * 1e3);
    cut.release();
    expect([root, child].map(isFrozen)).toEqual([false, false]);
  },
);

test('a cut of cpus that have died is not waited for', async () => {
  const { cutter, cut } = cutting();
  const taken = cut();
  cutter.abandon(new Error('dead'));
  await expect(taken).rejects.toThrow('dead');
});

test('a cpu is told that it may tell what it saw, also when nobody is left to run there', async () => {
  const { table, control, cuts, cutter } = cutting();
  const held = cutter.hold(subtrees([7]), {});
  table.locked(() => cuts.standLocked(0, table.versionLocked));
  table.locked(() => cuts.snapshotTakenLocked(0, 1, 0));
  cuts.concluded();
  const cut = await held;
  control.takeIrq(0);
  cut.resume();
  expect(control.hasIrq(0)).toBe(true);
  cut.release();
});
