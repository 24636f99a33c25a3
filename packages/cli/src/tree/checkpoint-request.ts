import type { TaskAtTick } from '../arguments.js';
import type { StoreOptions } from '../store/store-options.js';

/** A checkpoint to be taken on the way. */
export interface CheckpointRequest {
  readonly at: TaskAtTick;
  /** Then another one each time that the task has executed so many ticks more. */
  readonly every?: number | undefined;
  readonly to: Destination;
  readonly container: boolean;
  /** The tree ends there; otherwise it runs on. */
  readonly stop: boolean;
  /** Threads to write with; as many as there are cores unless said. */
  readonly threads?: number | undefined;
}

/** Where the image goes: a file, or a store. */
export type Destination =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'store';
      readonly options: StoreOptions;
      readonly name?: string | undefined;
      readonly labels: Readonly<Record<string, string>>;
      /** The image that the tree goes on from, perhaps a checkpoint of this store, as withSource() takes it. */
      readonly from?: string | undefined;
    };
