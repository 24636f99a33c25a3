import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROL_KEYS, type Records } from '@ckptree/protocol';
import type { Term } from './leadership.js';
import type { Strays } from './strays.js';
import { SILENT_MS } from './workers.js';

export interface AllTreesParts {
  readonly records: Pick<Records, 'trees' | 'allTrees'>;
  readonly strays: Strays;
}

/**
 * Resolves when every tree that runs has a record. That it is so is a record, too, which names the bucket: when NATS has lost one of the two,
 * workers get the time to register again and to tell what they hold. Who served before might start a tree a second time.
 * It resolves when the term ends, too.
 */
export async function untilAllTreesAreKnown({ records, strays }: AllTreesParts, term: Term): Promise<void> {
  const made = await records.trees.madeAt();
  const all = await records.allTrees.get(CONTROL_KEYS.trees);
  if (made === undefined || all?.value.made === made) return;
  if (term.number > 1) {
    await sleep(SILENT_MS, undefined, { signal: term.signal }).catch(() => undefined);
    await strays.settled();
  }
  if (!term.signal.aborted) await records.allTrees.put(CONTROL_KEYS.trees, { version: 1, made });
}
