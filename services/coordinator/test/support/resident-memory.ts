import { readFile } from 'node:fs/promises';

/** Physical memory of a process, in bytes: what it has now, and the most that it ever had. */
export async function residentMemory(pid: number): Promise<{ readonly now: number; readonly most: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytesOf('VmRSS'), most: bytesOf('VmHWM') };
}
