import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@ckptree/client';
import type { DrillRecord } from './record.js';

const LOOK_MS = 1_000;
/** By then all have been told what is over, also those who were away for a while. */
const LIMIT_MS = 60_000;

/** When all trees have ended, and all checkpoints, no worker has a task that runs, a snapshot, or memory in use. */
export async function checkWorkers(client: Client, record: DrillRecord): Promise<void> {
  for (const until = performance.now() + LIMIT_MS; ; await sleep(LOOK_MS)) {
    const { tasks } = await client.ps();
    const running = tasks.filter(({ state }) => state !== 'zombie');
    const busy = (await client.workers()).filter(({ load }) => load.memoryBytes > 0 || load.dumps > 0);
    if (running.length === 0 && busy.length === 0) return;
    if (performance.now() < until) continue;
    for (const task of running) record.violation(`a task is left: ${JSON.stringify(task)}`);
    for (const { worker, load } of busy)
      record.violation(`worker ${worker} holds something still: ${JSON.stringify(load)}`);
    return;
  }
}
