import type { TaskAtTick } from '../arguments.js';

/** A checkpoint to be taken on the way. */
export interface CheckpointRequest {
  readonly at: TaskAtTick;
  /** Path of the image. */
  readonly output: string;
  readonly container: boolean;
  /** The tree ends there; otherwise it runs on. */
  readonly stop: boolean;
  /** Threads to dump with; as many as there are cores unless said. */
  readonly threads?: number | undefined;
}
