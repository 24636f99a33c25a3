import { readFile } from 'node:fs/promises';

/** Core seconds of all threads of this process. */
export function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** Linux: USER_HZ, which /proc counts in, is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Core seconds that another process has used so far. @throws ENOENT there is no such process, or no /proc */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // proc(5): the name, in brackets, may hold anything; utime and stime are the 12th and 13th fields behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
