import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@ckptree/client';
import { asCkptError } from '@ckptree/errors';
import type { EventLedger } from './event-ledger.js';
import { NATS_LOST } from './faults.js';
import type { DrillRecord } from './record.js';

/** After which it is looked whether there is a stream again. */
const AGAIN_MS = 500;

/** Enters all events, from the first on, until the signal is raised. Begins anew when NATS has lost them. */
export async function readEvents(
  client: Client,
  ledger: EventLedger,
  record: DrillRecord,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted)
    try {
      for await (const event of client.events({ from: 'beginning', signal })) ledger.enter(event);
    } catch (error) {
      const { code, message } = asCkptError(error);
      const isLost = record.isExplained(NATS_LOST) && (code === 'EIO' || code === 'ENOENT');
      if (!isLost) return record.violation(`a reader of events was told ${code}: ${message}`);
      ledger.lost();
      record.count(`events: ${code}`, message);
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
}
