import { describePart, merge, planLayout } from '@ckptree/checkpoint';
import { bytesSource, verifyImage } from '@ckptree/image';
import type { Task, TaskTree } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { bytesOf, mergedImage, mergeParts, segmentsOf, whole } from './support/merged.js';
import { imageOf } from './support/planned.js';
import { splitTree } from './support/split.js';
import { fileTable, fileVma, mm, openFile, task, tree, vma } from './support/trees.js';

/** A tree of any shape, from a flat one: each task but the first gets a living one before it as parent. */
function reshaped({ tasks: [first, ...others] }: TaskTree, picks: readonly number[]): TaskTree {
  const placed: Task[] = [{ ...first!, ppid: 0 }];
  for (const [index, each] of others.entries()) {
    const living = placed.filter(({ exitState }) => exitState === 0);
    placed.push({ ...each, ppid: living[picks[index % picks.length]! % living.length]!.pid });
  }
  const depthFirst = (of: Task): Task[] => [
    of,
    ...placed.filter(({ ppid }) => ppid === of.pid).flatMap(depthFirst),
  ];
  return { rootPid: placed[0]!.pid, tasks: depthFirst(placed[0]!) };
}

const treeOfAnyShape = fc
  .tuple(
    arbitraryTree.filter(({ tasks }) => tasks[0]!.exitState === 0),
    fc.array(fc.nat(100), { minLength: 1, maxLength: 6 }),
  )
  .map(([any, picks]) => reshaped(any, picks));

/** Any placement of tasks on up to four workers that keeps those together which share memory. */
const placement = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1, maxLength: 8 });
function placedBy({ tasks }: TaskTree, workers: readonly string[]): (task: Task) => string {
  const ofMm = new Map<object, string>();
  const chosen = new Map<Task, string>();
  for (const [index, each] of tasks.entries()) {
    const worker = workers[index % workers.length]!;
    const together = each.mm === undefined ? worker : (ofMm.get(each.mm) ?? worker);
    if (each.mm !== undefined) ofMm.set(each.mm, together);
    chosen.set(each, together);
  }
  return (each) => chosen.get(each)!;
}

describe('a tree in parts', () => {
  test('becomes, byte for byte, the image that one machine writes of it', async () => {
    await fc.assert(
      fc.asyncProperty(treeOfAnyShape, placement, fc.boolean(), async (any, workers, container) => {
        const parts = splitTree(any, placedBy(any, workers));
        const merged = mergeParts(parts, { ...whole(any), container, workers: [...parts.keys()] });
        const byPid = new Map(any.tasks.map((each) => [each.pid, each]));
        const inOrder = merged.tasks.map(({ pid }) => byPid.get(pid)!);
        expect(new Set(inOrder)).toEqual(new Set(any.tasks));
        const image = await mergedImage(merged, parts);
        const alone = await imageOf({ rootPid: any.rootPid, tasks: inOrder }, { subtree: !container });
        expect(image.equals(alone)).toBe(true);
        expect((await verifyImage(bytesSource(image))).findings).toEqual([]);
      }),
      { numRuns: 120 },
    );
  });

  test('has the figures of its image, and segments that are runs of one worker', () => {
    fc.assert(
      fc.property(treeOfAnyShape, placement, (any, workers) => {
        const parts = splitTree(any, placedBy(any, workers));
        const merged = mergeParts(parts, whole(any));
        const segments = segmentsOf(merged, parts);
        const sum = (figure: 'tasks' | 'mms' | 'files' | 'pages') =>
          segments.reduce((total, { plan }) => total + plan.figures[figure], 0);
        for (const figure of ['tasks', 'mms', 'files', 'pages'] as const)
          expect(merged.figures[figure]).toBe(sum(figure));
        expect(segments.flatMap(({ tree: { tasks } }) => tasks.map(({ pid }) => pid))).toEqual(
          merged.tasks.map(({ pid }) => pid),
        );
        for (const [index, { worker }] of merged.segments.entries())
          expect(worker).not.toBe(merged.segments[index - 1]?.worker);
      }),
      { numRuns: 60 },
    );
  });

  test('has segments that a store can take by themselves, with their pages', async () => {
    await fc.assert(
      fc.asyncProperty(treeOfAnyShape, placement, async (any, workers) => {
        const parts = splitTree(any, placedBy(any, workers));
        for (const { plan, tree: of } of segmentsOf(mergeParts(parts, whole(any)), parts)) {
          const { source, size, memories, tree: summary } = await planLayout(plan, of);
          const bytes = await bytesOf(plan);
          expect(Buffer.from(await source.read(0, size)).equals(bytes)).toBe(true);
          expect([summary.tasks, size]).toEqual([of.tasks.length, bytes.length]);
          for (const { runs } of memories)
            for (let run = 0; run < runs.length; run += 3)
              expect(runs[run + 1]! + runs[run + 2]! * 4096).toBeLessThanOrEqual(size);
        }
      }),
      { numRuns: 40 },
    );
  });
});

test('twenty thousand tasks on four workers are told in a hundred bytes each', () => {
  const TASKS = 20_000;
  const parts = new Map<string, TaskTree>();
  for (let first = 1; first <= TASKS; first += TASKS / 4) {
    const tasks = Array.from({ length: TASKS / 4 }, (_, index) => {
      const exe = openFile({ path: '/ckptree/bin/idle', users: 3 });
      const space = mm([fileVma(0x1000, 1, exe), fileVma(0x3000, 1, exe), vma(0x8000, 4)], { exe });
      return task(first + index, { comm: 'idle', mm: space, files: fileTable([openFile({ path: '/log' })]) });
    });
    parts.set(`w${first}`, tree(...tasks));
  }
  const skeletons = [...parts].map(([worker, part]) => describePart(worker, part));
  const merged = merge(skeletons, { pid: 1, rootPid: 1, container: true });
  expect(merged.figures).toMatchObject({ tasks: TASKS, mms: TASKS, files: 2 * TASKS });
  expect(merged.segments).toHaveLength(4);
  const size = (documents: Iterable<unknown>) =>
    [...documents].reduce((sum: number, document) => sum + JSON.stringify(document).length, 0);
  expect(size(skeletons)).toBeLessThan(100 * TASKS);
  expect(size(merged.assignments.values())).toBeLessThan(40 * TASKS);
});
