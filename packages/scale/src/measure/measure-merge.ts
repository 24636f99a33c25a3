import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { checkSkeleton, describePart, merge, planSegments } from '@ckptree/checkpoint';
import type { TaskTree } from '@ckptree/model';
import { Samples } from '../engine/samples.js';
import { cpuSeconds } from './cpu-seconds.js';
import type { Measured } from './measured.js';

const ROUNDS = 10;
const WORKER = 'worker-1';

/** What worker and coordinator do with a cut before anything is dumped, in core seconds of one task. */
export function measureMerge(tree: TaskTree): Measured {
  const { rootPid } = tree;
  const describe = () => JSON.stringify(describePart(WORKER, tree));
  const json = describe();
  const parse = () => checkSkeleton(JSON.parse(json), WORKER);
  const skeleton = parse();
  const mergeOne = () => {
    const merged = merge([skeleton], { pid: rootPid, rootPid, container: true });
    JSON.stringify(merged.assignments.get(WORKER));
    return merged;
  };
  const assignment = mergeOne().assignments.get(WORKER)!;
  const tasks = tree.tasks.length;
  const fastest = (action: () => unknown) => {
    const times = new Samples();
    for (let round = 0; round < ROUNDS; round++) {
      const start = process.cpuUsage();
      action();
      times.add(cpuSeconds(start));
    }
    return times.quantile(0) / tasks;
  };
  return {
    describeTask: fastest(describe),
    skeletonBytes: json.length / tasks,
    skeletonParse: fastest(parse),
    mergeTask: fastest(mergeOne),
    planTask: fastest(() => planSegments(tree, assignment, { worker: WORKER })),
    skeletonHeap:
      heapOf(() => {
        const parsed = parse();
        return [parsed, merge([parsed], { pid: rootPid, rootPid })];
      }) / tasks,
  };
}

/** Bytes that what is made keeps in the heap, garbage left out. */
function heapOf(make: () => unknown): number {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const kept = Array.from({ length: ROUNDS }, make);
  collectGarbage();
  return (process.memoryUsage().heapUsed - before) / kept.length;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
