import type { Connection } from '@ckptree/protocol';
import type { Store } from '@ckptree/store';
import type { Telling } from '../cluster/telling.js';
import type { Workers } from '../cluster/workers.js';
import type { ProcessTable } from '../tree/process-table.js';
import type { Trees } from '../tree/trees.js';
import type { RecordKeeper } from './record-keeper.js';

/** What the steps of a checkpoint work with. */
export interface StepParts {
  readonly connection: Connection;
  readonly workers: Workers;
  readonly table: ProcessTable;
  readonly trees: Trees;
  readonly events: Telling;
  readonly store: () => Promise<Store>;
  readonly limits: StepLimits;
}

/** How long steps may take, in milliseconds; time in which NATS is away does not count. */
export interface StepLimits {
  /** Longest that tasks stand still, unless the request says. */
  readonly leaseMs: number;
  readonly describeMs: number;
  readonly dumpMs: number;
  readonly commitMs: number;
}

/** One checkpoint under way. */
export interface Underway {
  readonly keeper: RecordKeeper;
  /** Raised when it is cancelled, its time is over, or this coordinator leads no longer. */
  readonly signal: AbortSignal;
  /** Raised when this coordinator leads no longer: whoever leads next goes on. */
  readonly term: AbortSignal;
}
