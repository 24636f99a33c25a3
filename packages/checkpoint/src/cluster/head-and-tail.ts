import { type ImageHead, putHead, putTail, putTree } from '@ckptree/image';
import type { Plan } from '../plan.js';
import { PlanBuilder } from '../plan-builder.js';
import type { MergedTree } from './merged-tree.js';

/** What comes before the first segment of a merged tree, and behind the last. */
export interface HeadAndTail {
  readonly head: Plan;
  readonly tail: Plan;
}

/** @throws EOVERFLOW a text of the head does not fit */
export function planHeadAndTail(
  { tasks, subtree }: Pick<MergedTree, 'tasks' | 'subtree'>,
  head: Omit<ImageHead, 'subtree'>,
): HeadAndTail {
  return {
    head: recordsOnly('head', (plan) => {
      putHead(plan, { ...head, subtree });
      putTree(plan, tasks);
    }),
    tail: recordsOnly('tail', putTail),
  };
}

function recordsOnly(kind: 'head' | 'tail', put: (plan: PlanBuilder) => void): Plan {
  const plan = new PlanBuilder();
  plan.beginSegment(kind);
  put(plan);
  return plan.finish({ tasks: 0, mms: 0, files: 0 });
}
