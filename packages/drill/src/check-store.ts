import type { Client } from '@ckptree/client';
import type { DrillRecord } from './record.js';

/** Every byte of the store is right, and it lists what was completed and nothing else. @param ends of all checkpoints */
export async function checkStore(
  client: Client,
  ends: ReadonlyMap<string, string>,
  record: DrillRecord,
): Promise<void> {
  const store = await client.store();
  try {
    const { checkpoints, damaged } = await store.list();
    for (const one of damaged) record.violation(`damaged: ${JSON.stringify(one)}`);
    const listed = new Set(checkpoints.map(({ id }) => id));
    for (const [id, end] of ends)
      if (listed.has(id) !== (end === 'completed'))
        record.violation(`checkpoint ${id} is ${end} and ${listed.has(id) ? '' : 'not '}listed`);
    const report = await store.verify({ readData: true });
    if (!report.ok) record.violation(`the store is not whole: ${JSON.stringify(report)}`);
  } finally {
    await store.close();
  }
}
