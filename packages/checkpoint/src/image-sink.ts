import type { TaskTree } from '@ckptree/model';
import type { ParallelDumpOptions } from './dump-parallel.js';
import type { Plan } from './plan.js';

/** Where the image of a checkpoint goes: a file, a store. `Saved` says where it is then. */
export interface ImageSink<Saved> {
  /** Before the tasks are frozen: what is wrong with the place costs them nothing. */
  open(): Promise<ImageWriter<Saved>>;
}

/** One image on its way. */
export interface ImageWriter<Saved> {
  /**
   * Writes all of it. However it ends, nobody looks at the snapshots any more when it returns.
   * @throws EINTR the signal was raised; what the place does not take
   */
  write(plan: Plan, tree: TaskTree, options: ParallelDumpOptions): Promise<void>;
  /** When it returns, the image is complete and durable. */
  commit(): Promise<Saved>;
  /** Leaves nothing behind, also when commit() failed half-way. */
  discard(): Promise<void>;
}
