import type { TaskTree } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { mergeParts, whole } from './support/merged.js';
import { partsOf } from './support/split.js';
import { task, tree, zombie } from './support/trees.js';

describe('the order of tasks', () => {
  const pids = (parts: ReadonlyMap<string, TaskTree>, options: { pid: number; rootPid: number }) =>
    mergeParts(parts, options).tasks.map(({ pid }) => pid);

  test('is that of the one part when there is one', () => {
    const of = tree(task(1), task(9), task(4, { ppid: 9 }), task(2), zombie(3));
    expect(pids(new Map([['a', of]]), whole(of))).toEqual([1, 9, 4, 2, 3]);
  });

  test('goes through the children on the own worker first, then through those of each other one', () => {
    const of = tree(...[1, 2, 3, 4, 5, 6, 7].map((pid) => task(pid)));
    const parts = partsOf(of, { a: [2, 4, 6], b: [1, 7], c: [3, 5] });
    expect(pids(parts, whole(of))).toEqual([1, 7, 2, 4, 6, 3, 5]);
    expect(mergeParts(parts, whole(of)).segments).toEqual([
      { worker: 'b', tasks: 2 },
      { worker: 'a', tasks: 3 },
      { worker: 'c', tasks: 2 },
    ]);
  });

  test('has threads below their leader, and saves the whole group of a thread', () => {
    const leader = task(5);
    const thread = task(6, { tgid: 5, ppid: 1, exitSignal: -1 });
    const of = tree(task(1), leader, thread, task(7, { ppid: 6 }));
    expect(pids(new Map([['a', of]]), { pid: 6, rootPid: 1 })).toEqual([5, 6, 7]);
  });

  test('has no thread below one that leads no group: an image in which that is so does not verify', () => {
    const of = tree(task(1), task(5, { tgid: 9 }), task(6, { tgid: 5, ppid: 77 }), task(7, { tgid: 5 }));
    const merged = mergeParts(new Map([['a', of]]), whole(of));
    expect(merged.tasks.map(({ pid, ppid }) => [pid, ppid])).toEqual([
      [1, 0],
      [5, 1],
      [7, 1],
      [6, 1],
    ]);
  });

  test('is of a subtree alone, whichever worker its top is on; what else was cut is left out', () => {
    const of = tree(task(1), task(2), task(3, { ppid: 2 }), task(4, { ppid: 3 }), task(5));
    const parts = partsOf(of, { a: [1, 2, 5], b: [3], c: [4] });
    const merged = mergeParts(parts, { pid: 3, rootPid: 1 });
    expect([merged.rootPid, merged.tasks.map(({ pid }) => pid)]).toEqual([3, [3, 4]]);
    expect([...merged.assignments.keys()]).toEqual(['b', 'c']);
    expect(pids(parts, { pid: 2, rootPid: 1 })).toEqual([2, 3, 4]);
  });

  test('gives orphans to the root: of a parent that has ended, or of one that is in no part', () => {
    const parts = new Map([
      ['a', tree(task(1), zombie(2), task(3))],
      ['b', tree(task(20, { ppid: 2 }), task(21, { ppid: 20 }), task(30, { ppid: 77 }), zombie(31))],
    ]);
    const merged = mergeParts(parts, { pid: 1, rootPid: 1 });
    expect(merged.tasks.map(({ pid, ppid }) => [pid, ppid])).toEqual([
      [1, 0],
      [2, 1],
      [3, 1],
      [31, 1],
      [20, 1],
      [21, 20],
      [30, 1],
    ]);
    expect(pids(parts, { pid: 20, rootPid: 1 })).toEqual([20, 21]);
    expect(pids(parts, { pid: 3, rootPid: 1 })).toEqual([3]);
  });

  test('leaves orphans out when the root has ended or is not there', () => {
    const parts = new Map([
      ['a', tree(task(2), task(3, { ppid: 2 }))],
      ['b', tree(task(20, { ppid: 3 }), task(30, { ppid: 77 }))],
    ]);
    expect(pids(parts, { pid: 2, rootPid: 1 })).toEqual([2, 3, 20]);
    const ended = new Map([
      ['a', tree(zombie(1), task(2))],
      ['b', tree(task(20))],
    ]);
    expect(pids(ended, { pid: 1, rootPid: 1 })).toEqual([1]);
  });

  test('does not go round when parents do', () => {
    const parts = new Map([
      ['a', tree(task(1), task(2, { ppid: 3 }))],
      ['b', tree(task(3, { ppid: 2 }))],
    ]);
    expect(pids(parts, { pid: 1, rootPid: 1 })).toEqual([1]);
    expect(pids(parts, { pid: 2, rootPid: 1 })).toEqual([2, 3]);
  });

  test('gives the same image in whatever order the parts come in', async () => {
    const of = tree(task(1), task(2), task(3), task(4));
    const parts = partsOf(of, { a: [1, 4], b: [2], c: [3] });
    const other = new Map([...parts].reverse());
    expect(mergeParts(parts, whole(of)).segments).toEqual(mergeParts(other, whole(of)).segments);
  });
});
