import { readFileSync } from 'node:fs';

/** Of /proc/PID/stat behind the name: user and system time, in ticks of 10 ms (proc(5)). */
const USER = 11;
const SYSTEM = 12;
const TICKS_PER_SECOND = 100;

/** What processes have cost all cores so far. @throws ENOENT one of them is gone */
export const cpuSecondsOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return sum + (Number(fields[USER]) + Number(fields[SYSTEM])) / TICKS_PER_SECOND;
  }, 0);
