import { at, CkptError } from '@ckptree/errors';
import type { Task, TaskTree } from '@ckptree/model';
import { CheckpointContext } from '../checkpoint-context.js';
import type { Debug } from '../debug.js';
import type { Plan, PlanFigures } from '../plan.js';
import { PlanBuilder } from '../plan-builder.js';
import { checkpointTask } from '../plan-checkpoint.js';
import { slicePlan } from '../slice-plan.js';
import { AssignedObjects } from './assigned-objects.js';
import { type Assignment, orderedTasks } from './assignment.js';
import { onWorker } from './describe-part.js';
import { PartObjects } from './part-objects.js';

/** A stretch of the image that one worker writes. */
export interface PlannedSegment {
  /** As that of a whole image; positions count from the start of the segment. */
  readonly plan: Plan;
  /** Its tasks, in order. */
  readonly tree: TaskTree;
}

export interface PlanSegmentsOptions {
  readonly worker: string;
  readonly debug?: Debug;
}

/** All that one worker writes of an image. */
export interface PlannedPart {
  /** Its segments, one behind the other as if nothing stood between them. */
  readonly plan: Plan;
  /** Byte positions in the plan at which the segments end; the last is its size. */
  readonly ends: readonly number[];
}

/**
 * Plans what one worker writes of an image: its segments, in the order in which `merge` has them, are with those of the
 * others, between head and tail, the image that one machine would have written.
 * @param part the part of the cut that was described
 * @throws as `planCheckpoint`, with the worker's name; EINVAL the assignment is of another part
 */
export function planPart(
  part: TaskTree,
  assignment: Assignment,
  { worker, debug = {} }: PlanSegmentsOptions,
): PlannedPart {
  const { whole, marks } = planMarked(part, assignment, { worker, debug });
  return { plan: whole, ends: marks.slice(1).map(({ position }) => position) };
}

/** As planPart(), with a plan for each segment. */
export function planSegments(
  part: TaskTree,
  assignment: Assignment,
  options: PlanSegmentsOptions,
): PlannedSegment[] {
  const { whole, marks, segments } = planMarked(part, assignment, options);
  return segments.map((tasks, index) => {
    const [from, to] = [marks[index]!, marks[index + 1]!];
    const figures = { tasks: tasks.length, mms: to.mms - from.mms, files: to.files - from.files };
    return {
      plan: slicePlan(whole, { start: from.position, end: to.position }, figures),
      tree: { rootPid: tasks[0]!.pid, tasks },
    };
  });
}

function planMarked(
  part: TaskTree,
  assignment: Assignment,
  { worker, debug = {} }: PlanSegmentsOptions,
): MarkedPlan {
  try {
    return new SegmentPlanner(part, assignment, debug).plan();
  } catch (error) {
    throw onWorker(worker, error);
  }
}

interface MarkedPlan {
  readonly whole: Plan;
  /** Before each segment, and behind the last. */
  readonly marks: readonly Mark[];
  readonly segments: readonly (readonly Task[])[];
}

/** Where a segment begins, and what the image defined before it. */
interface Mark extends Omit<PlanFigures, 'pages'> {
  readonly position: number;
}

class SegmentPlanner {
  readonly #plan: PlanBuilder;
  readonly #context: CheckpointContext;
  readonly #segments: readonly (readonly Task[])[];
  #tasks = 0;

  constructor(part: TaskTree, assignment: Assignment, debug: Debug) {
    const objects = new AssignedObjects(new PartObjects(part), assignment);
    this.#plan = new PlanBuilder(debug);
    this.#context = new CheckpointContext(objects, this.#plan, assignment.subtree, debug);
    this.#segments = tasksOfSegments(part.tasks, assignment);
  }

  plan(): MarkedPlan {
    const marks: Mark[] = [];
    for (const tasks of this.#segments) {
      marks.push(this.#mark());
      for (const task of tasks) this.#checkpoint(task);
    }
    marks.push(this.#mark());
    this.#context.checkVisited();
    const { position: _, ...figures } = marks.at(-1)!;
    return { whole: this.#plan.finish(figures), marks, segments: this.#segments };
  }

  #checkpoint(task: Task): void {
    this.#tasks++;
    try {
      checkpointTask(this.#context, task);
    } catch (error) {
      throw at(error, { pid: task.pid, comm: task.comm });
    }
  }

  #mark(): Mark {
    const { position } = this.#plan;
    const [mms, files] = [this.#context.defined('MM'), this.#context.defined('FILE')];
    return { position, tasks: this.#tasks, mms, files };
  }
}

function tasksOfSegments(tasks: readonly Task[], assignment: Assignment): Task[][] {
  const assigned = assignment.segments.reduce((sum, count) => sum + count, 0);
  if (assigned > tasks.length)
    throw new CkptError('EINVAL', `the assignment is of ${assigned} tasks, and the part has ${tasks.length}`);
  const ordered = orderedTasks(assignment);
  return assignment.segments.map((count) =>
    Array.from({ length: count }, () => {
      const index = ordered.next().value ?? -1;
      const task = tasks[index];
      if (task === undefined)
        throw new CkptError('EINVAL', `the assignment names task ${index} of a part of ${tasks.length}`);
      return task;
    }),
  );
}
