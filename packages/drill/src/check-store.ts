import { collectGarbage } from '@ckptree/carrier';
import type { Client } from '@ckptree/client';
import type { Store } from '@ckptree/store';
import type { EventLedger } from './event-ledger.js';
import { KEEP_LAST } from './operator.js';
import type { DrillRecord } from './record.js';

/** Every byte of the store is right, and it lists what was completed, but for what was to be forgotten, and nothing else. */
export async function checkStore(
  client: Client,
  store: Store,
  ledger: EventLedger,
  record: DrillRecord,
): Promise<void> {
  const { checkpoints, damaged } = await store.list();
  for (const one of damaged) record.violation(`damaged: ${JSON.stringify(one)}`);
  const listed = new Map(checkpoints.map(({ id, name = '' }) => [id, name]));
  for (const id of keptOf(ledger, listed))
    if (!listed.has(id)) record.violation(`checkpoint ${id} is completed and not listed`);
  for (const id of listed.keys()) {
    const end = ledger.ends.get(id)?.type ?? (ledger.isWhole ? 'of no end that was told' : 'completed');
    if (end !== 'completed') record.violation(`checkpoint ${id} is ${end} and listed`);
  }
  await checkCollected(client, store, record);
  const report = await store.verify({ readData: true });
  if (!report.ok) record.violation(`the store is not whole: ${JSON.stringify(report)}`);
}

/** Nobody who writes is left, and nothing waits for one that is gone: what nobody needs is given back. */
async function checkCollected(client: Client, store: Store, record: DrillRecord): Promise<void> {
  const collected = await collectGarbage(client.connection);
  if (collected.waitingPacks > 0 || collected.waitingFor > 0)
    record.violation(`garbage is left: ${JSON.stringify(collected)}`);
  const { writers } = await store.info();
  if (writers > 0) record.violation(`${writers} leases of writers are left`);
}

/** The newest of each name that were completed, as was told or can be seen: the end of some may be lost with the events. */
function keptOf({ ends }: EventLedger, listed: ReadonlyMap<string, string>): string[] {
  const completed = new Map(listed);
  for (const [id, { type, name }] of ends) if (type === 'completed') completed.set(id, name);
  const byName = new Map<string, string[]>();
  for (const [id, name] of completed) byName.set(name, [...(byName.get(name) ?? []), id]);
  return [...byName.values()].flatMap((ids) => ids.sort().slice(-KEEP_LAST));
}
