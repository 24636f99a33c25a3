import { collect, newObjectHash, planCheckpoint, planLayout } from '@ckptree/checkpoint';
import { bytesSource, verifyImage } from '@ckptree/image';
import type { Task, TaskTree } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { mergedImage, mergeParts, segmentsOf, sent } from './support/merged.js';
import { HEAD, imageOf } from './support/planned.js';
import { splitTree } from './support/split.js';

/** A tree of any shape, from a flat one: each task but the first gets a living one before it as parent. */
function reshaped({ tasks: [first, ...others] }: TaskTree, picks: readonly number[]): TaskTree {
  const placed: Task[] = [{ ...first!, ppid: 0 }];
  for (const [index, task] of others.entries()) {
    const living = placed.filter(({ exitState }) => exitState === 0);
    placed.push({ ...task, ppid: living[picks[index % picks.length]! % living.length]!.pid });
  }
  const depthFirst = (task: Task): Task[] => [
    task,
    ...placed.filter(({ ppid }) => ppid === task.pid).flatMap(depthFirst),
  ];
  return { rootPid: placed[0]!.pid, tasks: depthFirst(placed[0]!) };
}

const treeOfAnyShape = fc
  .tuple(
    arbitraryTree.filter(({ tasks }) => tasks[0]!.exitState === 0),
    fc.array(fc.nat(100), { minLength: 1, maxLength: 6 }),
  )
  .map(([tree, picks]) => reshaped(tree, picks));

/** Any placement of tasks on up to four workers that keeps those together which share memory. */
const placement = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 });
function placedBy(tree: TaskTree, workers: readonly string[]): (task: Task) => string {
  const ofMm = new Map<object, string>();
  const chosen = new Map<Task, string>();
  for (const [index, task] of tree.tasks.entries()) {
    const worker = workers[index % workers.length]!;
    const together = task.mm === undefined ? worker : (ofMm.get(task.mm) ?? worker);
    if (task.mm !== undefined) ofMm.set(task.mm, together);
    chosen.set(task, together);
  }
  return (task) => chosen.get(task)!;
}

describe('a tree in parts', () => {
  test('becomes, byte for byte, the image that one machine writes of it', async () => {
    await fc.assert(
      fc.asyncProperty(treeOfAnyShape, placement, fc.boolean(), async (tree, workers, container) => {
        const parts = splitTree(tree, placedBy(tree, workers));
        const merged = mergeParts(parts, { pid: tree.rootPid, rootPid: tree.rootPid, container });
        const byPid = new Map(tree.tasks.map((task) => [task.pid, task]));
        const inOrder = merged.tasks.map(({ pid }) => byPid.get(pid)!);
        expect(new Set(inOrder)).toEqual(new Set(tree.tasks));
        const image = await mergedImage(merged, parts);
        const alone = await imageOf({ rootPid: tree.rootPid, tasks: inOrder }, { subtree: !container });
        expect(image.equals(alone)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
