import { readFile, writeFile } from 'node:fs/promises';

/** Writing this forgets the peak of a process's resident memory: proc_pid_clear_refs(5). */
const RESET_PEAK = '5';
const KIB = 1024;

/** Bytes of memory that this process had in the course of an action, at most, beyond what it had before. */
export async function memoryBeyond(action: () => Promise<unknown>): Promise<number> {
  await writeFile('/proc/self/clear_refs', RESET_PEAK);
  const before = await statusBytes('VmRSS');
  await action();
  return (await statusBytes('VmHWM')) - before;
}

async function statusBytes(field: string): Promise<number> {
  const status = await readFile('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * KIB;
}
