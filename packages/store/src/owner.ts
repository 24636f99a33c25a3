import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Who holds a lease or a temporary file: a token that says the process so exactly that any other process of the same
 * host can tell whether it still lives. Numbers of dead processes come back; together with the time of the start they
 * do not.
 */
export interface Owners {
  /** The token of this process: letters, digits and dots. */
  readonly self: string;
  /** `foreign`: of another host (or another pid namespace, or before a reboot), so that only its age tells. */
  state(token: string): 'alive' | 'dead' | 'foreign';
}

/** `host.pid.start`, the start in clock ticks since boot. */
const TOKEN = /^([0-9a-f]{12})\.([0-9]{1,10})\.([0-9]{1,20})$/;

/**
 * The processes of this host, as far as this one sees them.
 * @param proc where proc(5) is; where it does not tell the boot and the pid namespace, all others are foreign
 */
export function hostOwners(proc = '/proc'): Owners {
  const host = hostId(proc);
  const startOf = (pid: number): string => startTicks(proc, pid) ?? '0';
  return {
    self: `${host}.${process.pid}.${startOf(process.pid)}`,
    state(token) {
      const [, itsHost, pid, start] = TOKEN.exec(token) ?? [];
      if (itsHost !== host) return 'foreign';
      return isRunning(Number(pid)) && startOf(Number(pid)) === start ? 'alive' : 'dead';
    },
  };
}

/** Within one boot and one pid namespace a pid means one process at a time. Names of hosts are no help: containers may share one. */
function hostId(proc: string): string {
  const boot = reading(() => readFileSync(`${proc}/sys/kernel/random/boot_id`, 'utf8'));
  const namespace = reading(() => readlinkSync(`${proc}/self/ns/pid`));
  const identity =
    boot === undefined || namespace === undefined ? randomUUID() : [hostname(), boot, namespace].join('\n');
  return createHash('sha256').update(identity).digest('hex').slice(0, 12);
}

/** Field 22 of /proc/PID/stat (proc(5)); the command before it may hold spaces and parentheses. */
function startTicks(proc: string, pid: number): string | undefined {
  const stat = reading(() => readFileSync(`${proc}/${pid}/stat`, 'utf8'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function reading(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined; // not Linux, or the process is gone
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
