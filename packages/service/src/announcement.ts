import type { Role } from './role.js';

/** What a service tells whoever started it: by IPC if there is a channel, and on stdout with `--announce`. */
export interface Announcement {
  /** `listening`: the HTTP port is open; `ready`: it does its work from now on. */
  readonly type: 'listening' | 'ready';
  readonly role: Role;
  readonly id: string;
  readonly pid: number;
  /** Where /healthz, /readyz and /metrics are. */
  readonly url: string;
}

export function announce(announcement: Announcement, onStdout: boolean): void {
  // Whether anybody still listens is the supervisor's business; its end is noticed by itself.
  process.send?.(announcement, undefined, undefined, () => undefined);
  if (onStdout) process.stdout.write(`${JSON.stringify(announcement)}\n`);
}
