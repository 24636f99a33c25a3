import type { StoredPages, TaskTree } from '@ckptree/model';
import type { DecodedHead } from '../grammar/visitor.js';
import type { RecordValues } from '../records.js';

/** What an image holds. Page contents stay where they are: `StoredPages` tells their places in the source. */
export interface ImageContents {
  readonly head: DecodedHead;
  /** A subtree was checkpointed; otherwise a whole container. */
  readonly subtree: boolean;
  readonly tree: TaskTree<StoredPages>;
  /** For each task of `tree.tasks`, its records as they are: they hold more than a `Task` has a place for. */
  readonly taskRecords: readonly TaskRecords[];
  /** Bytes and records of the image. */
  readonly bytes: number;
  readonly records: number;
}

export interface TaskRecords {
  readonly task: RecordValues<'TASK'>;
  /** Those of a live task. */
  readonly thread?: RecordValues<'THREAD'>;
  readonly restartBlock?: RecordValues<'RESTART_BLOCK'>;
}
