import {
  type Assignment,
  checkAssignment,
  checkSkeleton,
  describePart,
  dumpSequential,
  type MergedTree,
  type MergeOptions,
  merge,
  type Plan,
  type PlannedSegment,
  planHeadAndTail,
  planSegments,
  type Skeleton,
} from '@ckptree/checkpoint';
import type { TaskTree } from '@ckptree/model';
import { HEAD, MemorySink } from './planned.js';

/** What is sent arrives as JSON. */
export const sent = (document: unknown): unknown => JSON.parse(JSON.stringify(document));

export const skeletonsOf = (parts: ReadonlyMap<string, TaskTree>): Skeleton[] =>
  [...parts].map(([worker, part]) => checkSkeleton(sent(describePart(worker, part)), worker));

export const mergeParts = (parts: ReadonlyMap<string, TaskTree>, options: MergeOptions): MergedTree =>
  merge(skeletonsOf(parts), options);

/** The segments of all workers, in the order of the image. */
export function segmentsOf(
  merged: MergedTree,
  parts: ReadonlyMap<string, TaskTree>,
): readonly PlannedSegment[] {
  const planned = new Map(
    [...merged.assignments].map(([worker, assignment]) => {
      const received: Assignment = checkAssignment(sent(assignment));
      return [worker, planSegments(parts.get(worker)!, received, { worker })];
    }),
  );
  return merged.segments.map(({ worker }) => planned.get(worker)!.shift()!);
}

export async function bytesOf(plan: Plan): Promise<Uint8Array> {
  const sink = new MemorySink();
  await dumpSequential(plan, sink);
  return sink.bytes();
}

/** The image that several workers and a coordinator write together. */
export async function mergedImage(merged: MergedTree, parts: ReadonlyMap<string, TaskTree>): Promise<Buffer> {
  const { head, tail } = planHeadAndTail(merged, { uts: HEAD.uts, time: HEAD.time });
  const plans = [head, ...segmentsOf(merged, parts).map(({ plan }) => plan), tail];
  return Buffer.concat(await Promise.all(plans.map(bytesOf)));
}

/** All of a tree whose root is its first task. */
export const whole = ({ rootPid }: Pick<TaskTree, 'rootPid'>) => ({ pid: rootPid, rootPid });
