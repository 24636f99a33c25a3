import type { TaskPids } from '@ckptree/image';
import type { PlanFigures } from '../plan.js';
import type { Assignment } from './assignment.js';

export interface MergedTask extends TaskPids {
  readonly comm: string;
  readonly worker: string;
  readonly zombie: boolean;
}

/** Tasks one behind the other in the image that are on one worker. */
export interface MergedSegment {
  readonly worker: string;
  readonly tasks: number;
}

/** A tree that is spread over several workers, as one. */
export interface MergedTree {
  readonly rootPid: number;
  readonly subtree: boolean;
  /** Depth-first: the order of the image. */
  readonly tasks: readonly MergedTask[];
  /** In the order of the image. The segments of one worker are those of its assignment, in the same order. */
  readonly segments: readonly MergedSegment[];
  /** What each worker is to write; nothing for one whose tasks turned out to be outside of the tree. */
  readonly assignments: ReadonlyMap<string, Assignment>;
  readonly figures: PlanFigures;
}
