import type { Connection } from '@ckptree/protocol';
import type { Store } from '@ckptree/store';
import type { Telling } from '../cluster/telling.js';
import type { Workers } from '../cluster/workers.js';
import type { ProcessTable } from './process-table.js';
import type { StartingPids } from './starting-pids.js';
import type { Trees } from './trees.js';

/** What those work with who bring trees in, and look after them. */
export interface TreeParts {
  readonly connection: Connection;
  readonly workers: Workers;
  readonly trees: Trees;
  readonly table: ProcessTable;
  readonly startingPids: StartingPids;
  readonly events: Telling;
  readonly store: () => Promise<Store>;
}

/** How a tree was asked for. */
export interface StartedBy {
  /** For its record: see KeyedStarts. */
  readonly key: string | undefined;
  /** Raised when this coordinator leads no longer. */
  readonly signal: AbortSignal;
}
