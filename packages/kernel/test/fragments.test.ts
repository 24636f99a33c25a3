import { SIGCHLD } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exitLocked } from '../dist/process/exit.js';
import {
  describeFragmentLocked,
  disownLocked,
  fragmentTopsLocked,
  setParentLocked,
} from '../dist/process/fragments.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { FLAG, KERNEL_SLOT, SIGKILL, SLOT, STATE } from '../dist/process/slot.js';

const DIGEST = new Uint8Array(16).fill(7);
const ROOT = 1;

/** The part of a tree with root 1 that one kernel hosts. @param edges a parent that is not there is elsewhere */
function partOf(edges: readonly (readonly [pid: number, parent: number])[]) {
  const table = ProcessTable.create(100);
  const slot = (pid: number) => table.find(pid)!;
  const add = (pid: number, ppid: number, extra: { tgid?: number; exitSignal?: number } = {}) =>
    table.locked(() => {
      const parent = table.find(ppid) ?? KERNEL_SLOT;
      const flags = parent === KERNEL_SLOT && pid !== ROOT ? FLAG.REMOTE_PARENT : 0;
      const identity = { pid, ppid, comm: `task-${pid}`, tgid: 0, pgid: 0, sid: 0, exitSignal: SIGCHLD };
      return table.addLocked({ ...identity, ...extra, parent, cpu: 0, flags, tree: ROOT });
    });
  for (const [pid, parent] of edges) add(pid, parent);
  const pids = (slots: readonly number[]) => slots.map((found) => table.get(found, SLOT.PID));
  return {
    table,
    add,
    slot,
    exit: (pid: number) => table.locked(() => pids(exitLocked(table, slot(pid), 0x300, DIGEST))),
    subtree: (pid: number) => table.locked(() => pids(table.links.subtree(slot(pid)))),
    tops: () =>
      table.locked(() => fragmentTopsLocked(table, ROOT).map((top) => describeFragmentLocked(table, top))),
    parents: () =>
      Object.fromEntries(table.locked(() => fragmentTopsLocked(table, ROOT)).map((top) => [table.get(top, SLOT.PID), table.get(top, SLOT.PPID)])), // biome-ignore format: one look
    disown: (disowned: Parameters<typeof disownLocked>[1]) =>
      table.locked(() => {
        const { moved, gone, woken } = disownLocked(table, disowned);
        return { moved, gone, woken: pids(woken) };
      }),
    setParent: (pid: number, ppid: number) => table.locked(() => setParentLocked(table, pid, ppid)),
  };
}

describe('a part of a tree', () => {
  test('has tops with their real parents, and what hangs below them', () => {
    const { tops } = partOf([[10, 7], [11, 10], [12, 10], [20, 8]]); // biome-ignore format: a tree
    expect(tops()).toMatchObject([
      { pid: 10, ppid: 7, tasks: 3, zombie: false, comm: 'task-10' },
      { pid: 20, ppid: 8, tasks: 1, zombie: false },
    ]);
  });

  test('keeps an ended top as a zombie, with its status and digest, for its parent elsewhere', () => {
    const { table, exit, slot, tops } = partOf([[10, 7]]);
    expect(exit(10)).toEqual([]);
    expect(tops()).toMatchObject([{ pid: 10, ppid: 7, zombie: true }]);
    expect(table.get(slot(10), SLOT.EXIT_STATUS)).toBe(0x300);
    expect(table.digest(slot(10))).toEqual(DIGEST);
  });

  test('gives local orphans to the top of their fragment', () => {
    const { exit, subtree, slot, table } = partOf([[10, 7], [11, 10], [12, 11], [13, 12]]); // biome-ignore format: a tree
    exit(12);
    expect(subtree(10)).toEqual([10, 11, 12, 13]);
    expect(table.get(slot(13), SLOT.PPID)).toBe(10);
  });

  test('gives the children of an ended top to the root of the tree: elsewhere, or here if that is where it is', () => {
    const elsewhere = partOf([[10, 7], [11, 10], [12, 10]]); // biome-ignore format: a tree
    elsewhere.exit(12);
    elsewhere.exit(10);
    expect(elsewhere.parents()).toEqual({ 10: 7, 11: ROOT, 12: ROOT });
    const here = partOf([[ROOT, 0], [10, 7], [11, 10]]); // biome-ignore format: a tree
    here.exit(10);
    expect(here.parents()).toEqual({ [ROOT]: 0, 10: 7 });
    expect(here.subtree(ROOT)).toEqual([ROOT, 11]);
  });

  test('gives the children of the ended root of the tree to nobody', () => {
    const { exit, parents, table } = partOf([[ROOT, 0], [2, ROOT]]); // biome-ignore format: a tree
    exit(ROOT);
    expect(parents()).toEqual({ 2: 0 });
    exit(2);
    expect(table.find(2)).toBeUndefined();
  });

  test('lets a thread whose leader is the top go at once', () => {
    const { add, exit, table } = partOf([[10, 7]]);
    add(11, 10, { tgid: 10, exitSignal: -1 });
    exit(10);
    expect(table.get(table.find(11)!, SLOT.SIGNAL)).toBe(SIGKILL);
    exit(11);
    expect(table.find(11)).toBeUndefined();
  });
});

describe('when a parent elsewhere has ended', () => {
  test.each([{ parents: [7] }, { tops: [10, 11] }])(
    '%j: its children go to the root of the tree',
    (which) => {
      const { disown, exit, parents } = partOf([[10, 7], [11, 7], [20, 8]]); // biome-ignore format: a tree
      exit(11);
      expect(disown(which)).toEqual({ moved: [10, 11], gone: [], woken: [] });
      expect(parents()).toEqual({ 10: ROOT, 11: ROOT, 20: 8 });
    },
  );

  test('and the root is here, they hang below it, and it hears of zombies among them', () => {
    const { disown, exit, subtree, parents } = partOf([[ROOT, 0], [10, 7], [11, 10], [12, 7]]); // biome-ignore format: a tree
    exit(12);
    expect(disown({ parents: [7] })).toEqual({ moved: [10, 12], gone: [], woken: [ROOT] });
    expect(subtree(ROOT)).toEqual([ROOT, 10, 11, 12]);
    expect(parents()).toEqual({ [ROOT]: 0 });
  });

  test('and it was the root, nobody waits for its children any more, nor for those of anybody else later', () => {
    const { disown, exit, parents, table } = partOf([[10, ROOT], [11, ROOT], [20, 8], [21, 8], [22, 21]]); // biome-ignore format: a tree
    exit(11);
    expect(disown({ parents: [ROOT] })).toEqual({ moved: [10], gone: [11], woken: [] });
    expect(parents()).toEqual({ 10: 0, 20: 8, 21: 8 });
    exit(10);
    expect(table.find(10)).toBeUndefined();
    exit(21);
    expect(parents()).toEqual({ 20: 8, 21: 8, 22: 0 });
    expect(disown({ parents: [8] })).toMatchObject({ moved: [20], gone: [21] });
    expect(parents()).toEqual({ 20: 0, 22: 0 });
  });

  test('those who asked for a signal at that get it', () => {
    const { disown, slot, table } = partOf([[10, 7]]);
    table.set(slot(10), SLOT.PDEATH_SIGNAL, 15);
    expect(disown({ parents: [7] })).toMatchObject({ woken: [10] });
    expect(table.flags(slot(10)) & FLAG.SIGNALLED).not.toBe(0);
  });

  test('and it has no children here, nothing changes', () => {
    const { disown, parents } = partOf([[10, 7]]);
    expect(disown({ parents: [1000, 10] })).toEqual({ moved: [], gone: [], woken: [] });
    expect(disown({ tops: [1000] })).toEqual({ moved: [], gone: [], woken: [] });
    expect(parents()).toEqual({ 10: 7 });
  });
});

describe('setting a parent', () => {
  test('hangs a top below another task, elsewhere, here, or below nobody', () => {
    const { setParent, parents, subtree, exit, table } = partOf([[10, 7], [20, 8], [30, 9]]); // biome-ignore format: a tree
    setParent(10, 9);
    expect(parents()).toEqual({ 10: 9, 20: 8, 30: 9 });
    setParent(20, 10);
    expect(subtree(10)).toEqual([10, 20]);
    exit(30);
    setParent(30, 0);
    expect(table.find(30)).toBeUndefined();
  });

  test('is refused for whoever is not there, has a parent here, or would be below itself', () => {
    const { setParent } = partOf([[10, 7], [11, 10]]); // biome-ignore format: a tree
    expect(() => setParent(99, 1)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    expect(() => setParent(11, 1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => setParent(10, 11)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => setParent(10, 10)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });
});

/** Does one step to a task of a part, if it can be done to it. */
function take(part: ReturnType<typeof partOf>, what: string, pid: number, newPid: number): void {
  const { table, add, slot, exit, disown } = part;
  const isZombie = table.get(slot(pid), SLOT.STATE) === STATE.ZOMBIE;
  if (what === 'disown') disown({ parents: [table.get(slot(pid), SLOT.PPID)] });
  else if (what === 'birth' && !isZombie) add(newPid, pid);
  else if (what === 'end' && !isZombie) exit(pid);
  else if (what === 'wait' && isZombie && table.get(slot(pid), SLOT.PARENT) !== KERNEL_SLOT)
    table.locked(() => table.releaseLocked(slot(pid)));
}

test('a part stays a forest through any sequence of births, ends, waits and orphanings', () => {
  const step = fc.tuple(fc.constantFrom('birth', 'end', 'wait', 'disown'), fc.nat(30));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, rootIsHere) => {
      const part = partOf([...(rootIsHere ? [[ROOT, 0] as const] : []), [10, 7], [11, 7], [12, 8]]);
      const { table, slot, tops, subtree } = part;
      const present = () => tops().flatMap(({ pid }) => subtree(pid));
      for (const [index, [what, pick]] of steps.entries()) {
        const all = present();
        if (all.length > 0) take(part, what, all[pick % all.length]!, 100 + index);
      }
      const known = table.locked(() => table.slotsLocked()).map((each) => table.get(each, SLOT.PID));
      expect(present().toSorted()).toEqual(known.toSorted());
      for (const pid of known) {
        const parent = table.get(slot(pid), SLOT.PARENT);
        if (parent !== KERNEL_SLOT) expect(table.get(slot(pid), SLOT.PPID)).toBe(table.get(parent, SLOT.PID));
      }
      // A zombie that nobody could ever wait for is none.
      for (const { ppid, zombie } of tops()) if (zombie) expect(ppid).not.toBe(0);
    }),
    { numRuns: 60 },
  );
});
