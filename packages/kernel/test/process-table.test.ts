import { SIGCHLD } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { exitLocked } from '../dist/process/exit.js';
import { ProcessTable } from '../dist/process/process-table.js';
import { FLAG, KERNEL_SLOT, SIGKILL, SLOT, STATE } from '../dist/process/slot.js';

const DIGEST = new Uint8Array(16).fill(7);

/** Adds tasks by (pid, parent's pid; 0 is the kernel) and answers by pid. */
function treeOf(edges: readonly (readonly [pid: number, parent: number])[], capacity = 100) {
  const table = ProcessTable.create(capacity);
  const slot = (pid: number) => (pid === 0 ? KERNEL_SLOT : table.find(pid)!);
  const add = (pid: number, parent: number, extra: { tgid?: number; exitSignal?: number } = {}) =>
    table.locked(() =>
      table.addLocked({
        pid,
        comm: `task-${pid}`,
        parent: slot(parent),
        cpu: 0,
        ppid: parent,
        tgid: extra.tgid ?? 0,
        pgid: 0,
        sid: 0,
        exitSignal: extra.exitSignal ?? SIGCHLD,
        flags: 0,
      }),
    );
  for (const [pid, parent] of edges) add(pid, parent);
  const pids = (slots: readonly number[]) => slots.map((found) => table.get(found, SLOT.PID));
  const subtree = (pid: number) => table.locked(() => pids(table.links.subtree(slot(pid))));
  const exit = (pid: number, status = 0x300) =>
    table.locked(() => pids(exitLocked(table, slot(pid), status, DIGEST)));
  return { table, add, slot, subtree, exit };
}

describe('the process table', () => {
  test('walks a subtree depth-first, children in the order of their birth', () => {
    const { subtree } = treeOf([[1, 0], [2, 1], [3, 1], [4, 2], [5, 2], [6, 3]]); // biome-ignore format: a tree
    expect(subtree(1)).toEqual([1, 2, 4, 5, 3, 6]);
    expect(subtree(2)).toEqual([2, 4, 5]);
  });

  test('counts more ends than 32 bits can', () => {
    const { table, exit } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    exit(2);
    const words = new Int32Array(table.handle.words);
    // The one word that holds the count of ends so far.
    const count = words.findIndex((_, word) => {
      const before = words[word]!;
      words[word] = before + 1;
      const found = table.endedTasks === 2;
      words[word] = found ? -1 : before;
      return found;
    });
    expect(count).toBeGreaterThan(0);
    expect(table.endedTasks).toBe(2 ** 32 - 1);
    exit(1);
    expect(table.endedTasks).toBe(2 ** 32);
  });

  test('has another version when a task that is flagged for a cut comes, ends, goes or gets another parent', () => {
    const { table, add, slot, exit } = treeOf([[1, 0], [2, 1], [3, 2], [4, 2], [9, 1]]); // biome-ignore format: a tree
    const version = () => table.locked(() => table.versionLocked);
    const changes = (what: () => unknown): boolean => {
      const before = version();
      what();
      return version() !== before;
    };
    for (const pid of [2, 3]) table.raise(slot(pid), FLAG.FREEZE_CUT);
    expect(changes(() => add(10, 9))).toBe(false);
    expect(changes(() => exit(10))).toBe(false);
    expect(changes(() => table.setTicks(slot(3), 5))).toBe(false);
    expect(changes(() => exit(3))).toBe(true);
    expect(changes(() => table.locked(() => table.releaseLocked(slot(3))))).toBe(true);
    expect(changes(() => exit(4))).toBe(false);
    expect(changes(() => exit(2))).toBe(true);
    const flagged = { pid: 11, comm: 'x', parent: slot(1), cpu: 0, ppid: 1, tgid: 0, pgid: 0, sid: 0 };
    const born = { ...flagged, exitSignal: SIGCHLD, flags: FLAG.FREEZE_CUT };
    expect(changes(() => table.locked(() => table.addLocked(born)))).toBe(true);
  });

  test('refuses a pid that is taken and pids out of range, and changes nothing', () => {
    const { table, add } = treeOf([[1, 0]]);
    expect(() => add(1, 0)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(() => add(-1, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => add(4_194_304, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(table.liveTasks).toBe(1);
  });

  test('says EAGAIN when it is full, and goes on when a task has gone', () => {
    const { table, add, exit } = treeOf([[1, 0], [2, 1]], 2); // biome-ignore format: a tree
    expect(() => add(3, 1)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    exit(2);
    table.locked(() => table.releaseLocked(table.find(2)!));
    add(3, 1);
    expect(table.liveTasks).toBe(2);
  });

  test('keeps an ended child as a zombie with its status and digest until it is released', () => {
    const { table, exit, slot } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    expect(exit(2)).toEqual([1]);
    expect(table.get(slot(2), SLOT.STATE)).toBe(STATE.ZOMBIE);
    expect(table.get(slot(2), SLOT.EXIT_STATUS)).toBe(0x300);
    expect(table.digest(slot(2))).toEqual(DIGEST);
    table.locked(() => table.releaseLocked(slot(2)));
    expect(table.find(2)).toBeUndefined();
  });

  test('lets a thread and a child of the kernel go at once', () => {
    const { table, add, exit } = treeOf([[1, 0]]);
    add(2, 1, { tgid: 1, exitSignal: -1 });
    expect(exit(2)).toEqual([]);
    expect(table.find(2)).toBeUndefined();
    exit(1);
    expect(table.find(1)).toBeUndefined();
  });

  test('gives orphans to the root of their tree, and those of a root to the kernel', () => {
    const { table, exit, subtree, slot } = treeOf([[1, 0], [2, 1], [3, 2], [4, 3]]); // biome-ignore format: a tree
    exit(3);
    expect(subtree(1)).toEqual([1, 2, 3, 4]);
    expect(table.get(slot(4), SLOT.PPID)).toBe(1);
    exit(1);
    expect(table.get(slot(4), SLOT.PPID)).toBe(0);
    expect(table.get(slot(4), SLOT.PARENT)).toBe(KERNEL_SLOT);
  });

  test('ends the threads of a group with their leader', () => {
    const { table, add, exit, slot } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    add(3, 2, { tgid: 2, exitSignal: -1 });
    expect(exit(2)).toEqual(expect.arrayContaining([3, 1]));
    expect(table.get(slot(3), SLOT.SIGNAL)).toBe(SIGKILL);
    expect(table.flags(slot(3)) & FLAG.SIGNALLED).not.toBe(0);
  });

  test('ends a group when a signal ends one of its threads, and not when a thread ends by itself', () => {
    const { table, add, exit, slot } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    for (const pid of [3, 4]) add(pid, 2, { tgid: 2, exitSignal: -1 });
    expect(exit(3)).toEqual([]);
    expect(exit(4, SIGKILL)).toEqual([2]);
    expect(table.get(slot(2), SLOT.SIGNAL)).toBe(SIGKILL);
    expect([1, 2].map((pid) => table.flags(slot(pid)) & FLAG.SIGNALLED)).toEqual([0, FLAG.SIGNALLED]);
  });

  test('leaves the parent of a child alone that a signal ends', () => {
    const { table, exit, slot } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    expect(exit(2, SIGKILL)).toEqual([1]);
    expect(table.flags(slot(1)) & FLAG.SIGNALLED).toBe(0);
  });

  test('queues a task for its cpu once, however often it is woken', () => {
    const { table, slot } = treeOf([[1, 0], [2, 1]]); // biome-ignore format: a tree
    const woken = table.locked(() => [
      table.wakeLocked(slot(1)),
      table.wakeLocked(slot(1)),
      table.wakeLocked(slot(2)),
    ]);
    expect(woken).toEqual([true, false, true]);
    expect(table.locked(() => table.takeWokenLocked(0)).toSorted()).toEqual([slot(1), slot(2)]);
    expect(table.locked(() => table.takeWokenLocked(0))).toEqual([]);
  });

  test("loses no wake-up when a task that was woken ends, and its slot is another task's", () => {
    const { table, add, slot, exit } = treeOf([[1, 0], [2, 1], [3, 1], [4, 1]]); // biome-ignore format: a tree
    for (const pid of [2, 3, 4]) table.locked(() => table.wakeLocked(slot(pid)));
    const ended = slot(3);
    exit(3);
    table.locked(() => table.releaseLocked(ended));
    expect(add(5, 1)).toBe(ended);
    const woken = table.locked(() => table.takeWokenLocked(0));
    // The end of 3 wakes its parent, too.
    expect(woken.map((one) => table.get(one, SLOT.PID)).toSorted()).toEqual([1, 2, 4]);
    expect(table.locked(() => table.wakeLocked(slot(5)))).toBe(true);
  });

  test('wakes each task that was woken and lives once, through any sequence of wakes, ends and births', () => {
    const step = fc.tuple(fc.constantFrom('birth', 'wake', 'wake', 'end', 'look'), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { table, add, slot, subtree, exit } = treeOf([[1, 0]]);
        const woken = new Set<number>();
        const look = () => {
          const taken = table.locked(() => table.takeWokenLocked(0)).map((one) => table.get(one, SLOT.PID));
          expect(taken.toSorted((a, b) => a - b)).toEqual([...woken].sort((a, b) => a - b));
          woken.clear();
        };
        let next = 2;
        for (const [what, pick] of steps) {
          const pids = subtree(1);
          const pid = pids[pick % pids.length]!;
          if (what === 'birth') add(next++, 1);
          else if (what === 'look') look();
          else if (what === 'wake') {
            table.locked(() => table.wakeLocked(slot(pid)));
            woken.add(pid);
          } else if (pid !== 1) {
            const gone = slot(pid);
            exit(pid);
            table.locked(() => table.releaseLocked(gone));
            woken.delete(pid);
            woken.add(1);
          }
        }
        look();
      }),
      { numRuns: 100 },
    );
  });

  test('hands out free pids and never one that is taken', () => {
    const { table, add } = treeOf([[1, 0], [2, 0], [3, 0]]); // biome-ignore format: a tree
    const pid = table.get(add(0, 0), SLOT.PID);
    expect(pid).toBeGreaterThan(3);
  });

  test('cuts a name at 15 bytes and never within a character', () => {
    const { table, slot } = treeOf([[1, 0]]);
    table.setComm(slot(1), 'exactly-fifteen-and-more');
    expect(table.comm(slot(1))).toBe('exactly-fifteen');
    table.setComm(slot(1), 'äöüäöüäöü');
    expect(table.comm(slot(1))).toBe('äöüäöüä');
  });

  test('counts ticks beyond 32 bits', () => {
    const { table, slot } = treeOf([[1, 0]]);
    table.setTicks(slot(1), 2 ** 40 + 5);
    expect(table.ticks(slot(1))).toBe(2 ** 40 + 5);
  });

  test('stays a tree through any sequence of births, ends and waits', () => {
    const step = fc.tuple(fc.constantFrom('birth', 'end', 'wait'), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { table, add, slot, subtree, exit } = treeOf([[1, 0]]);
        let next = 2;
        const alive = () => subtree(1).filter((pid) => table.get(slot(pid), SLOT.STATE) !== STATE.ZOMBIE);
        for (const [what, pick] of steps) {
          const others = subtree(1).filter((pid) => pid !== 1);
          const chosen = others[pick % Math.max(1, others.length)];
          if (what === 'birth') add(next++, alive()[pick % alive().length]!);
          else if (chosen === undefined) continue;
          else if (table.get(slot(chosen), SLOT.STATE) !== STATE.ZOMBIE) exit(chosen);
          else if (what === 'wait') table.locked(() => table.releaseLocked(slot(chosen)));
        }
        const known = table.locked(() => table.slotsLocked().length);
        expect(subtree(1).length).toBe(known);
        expect(alive().length).toBe(table.liveTasks);
        for (const pid of subtree(1)) expect(subtree(pid)[0]).toBe(pid);
      }),
      { numRuns: 100 },
    );
  });
});
