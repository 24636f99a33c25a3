import { encodeHead, encodeTail, encodeTree, type ImageHead } from '@ckptree/image';
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
    head: recordsOnly('head', encodeHead({ ...head, subtree }), encodeTree(tasks)),
    tail: recordsOnly('tail', encodeTail()),
  };
}

function recordsOnly(kind: 'head' | 'tail', ...records: readonly Uint8Array[]): Plan {
  const plan = new PlanBuilder();
  plan.beginSegment(kind);
  for (const bytes of records) plan.addRecords(bytes);
  return plan.finish({ tasks: 0, mms: 0, files: 0 });
}
