import { createHash } from 'node:crypto';
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

/** Field 22 of /proc/PID/stat (proc(5)); the command before it may hold spaces and parentheses. */
function startTicks(pid: number): string | undefined {
  const stat = readOptional(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not Linux, or the process is gone
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** The processes of this host. */
export function hostOwners(): Owners {
  const identity = [hostname(), readOptional(BOOT_ID) ?? '', pidNamespace()].join('\n');
  const host = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  return {
    self: `${host}.${process.pid}.${startTicks(process.pid) ?? '0'}`,
    state(token) {
      const [, itsHost, pid, start] = TOKEN.exec(token) ?? [];
      if (itsHost !== host) return 'foreign';
      return isRunning(Number(pid)) && (startTicks(Number(pid)) ?? '0') === start ? 'alive' : 'dead';
    },
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
