import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DrillRecord } from './record.js';

/** What says that a process has ended by a fault of its own: its last line in the log, or what Node says. Or that something is wrong. */
const FAULT =
  /"level":"fatal"|FATAL ERROR|Segmentation fault|^node:internal|the store is damaged|warning of Node/;

/** No service has crashed, or complains of the store or of itself: those that were killed say nothing. */
export async function checkLogs(folder: string, record: DrillRecord): Promise<void> {
  for (const name of await readdir(folder)) {
    const lines = (await readFile(join(folder, name), 'utf8')).split('\n');
    for (const line of lines) if (FAULT.test(line)) record.violation(`${name}: ${line}`);
  }
}
