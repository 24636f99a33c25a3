import { at } from '@ckptree/errors';
import { type ImageHead, putHead, putTail, putTask, putTaskObjs, putTree } from '@ckptree/image';
import type { Task, TaskTree } from '@ckptree/model';
import { CheckpointContext } from './checkpoint-context.js';
import { checkpointFileTable } from './checkpoint-file.js';
import { checkpointMm } from './checkpoint-mm.js';
import type { Debug } from './debug.js';
import type { ObjectHash } from './objects.js';
import type { Plan } from './plan.js';
import { PlanBuilder } from './plan-builder.js';

export interface PlanOptions {
  readonly head: ImageHead;
  readonly debug?: Debug;
}

/**
 * Plans the image of a tree: encodes every record, and counts the pages, whose contents it does not read. All that can
 * be refused is refused here, before a byte of the image is written.
 * @param hash the objects of the tree, collected
 * @throws ENOSYS something in the tree cannot be saved; EBUSY something is under way or changed; EINVAL, EOVERFLOW
 *         the tree holds what the format cannot say
 */
export function planCheckpoint(tree: TaskTree, hash: ObjectHash, { head, debug = {} }: PlanOptions): Plan {
  const plan = new PlanBuilder(debug);
  const context = new CheckpointContext(hash, plan, head.subtree, debug);

  plan.beginSegment('head');
  putHead(plan, head);
  putTree(plan, tree.tasks);
  for (const task of tree.tasks) {
    try {
      checkpointTask(context, task);
    } catch (error) {
      throw at(error, { pid: task.pid, comm: task.comm });
    }
  }
  plan.beginSegment('tail');
  putTail(plan);
  context.checkVisited();
  return plan.finish({
    tasks: tree.tasks.length,
    mms: context.defined('MM'),
    files: context.defined('FILE'),
  });
}

/** The records of a task, and of all that is first reached from it. */
export function checkpointTask(context: CheckpointContext, task: Task): void {
  const { plan, debug } = context;
  plan.beginSegment('task', task.pid);
  putTask(plan, task);
  if (task.exitState !== 0) return;

  const files = task.files === undefined ? 0 : checkpointFileTable(context, task.files);
  debug.obj?.(`files: objref ${files}`);
  const mm = task.mm === undefined ? 0 : checkpointMm(context, task.mm, task.pid);
  debug.obj?.(`mm: objref ${mm}`);
  putTaskObjs(plan, { files, mm });
}
