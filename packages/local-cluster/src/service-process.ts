import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { logTail } from '@ckptree/nats-server';
import type { Announcement, Role } from '@ckptree/service';
import { serviceBin } from './service-bin.js';

/** Bytes of its log in which the reason is looked for why a service did not start. */
const LOG_TAIL = 2_000;

export interface ServiceProcessOptions {
  readonly role: Role;
  readonly id: string;
  /** Its command line. */
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Where its log goes; what is there stays. */
  readonly logFile: string;
}

/** How a service ended: its exit code, or the signal that killed it. */
export type ServiceEnd = number | NodeJS.Signals;

/** A service in a process of its own. It ends when its parent does, however that ends. */
export class ServiceProcess {
  readonly role: Role;
  readonly id: string;
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<ServiceEnd>;
  /** @throws EIO it ended before it was ready, with the end of its log */
  readonly ready: Promise<Announcement>;
  readonly #child: ChildProcess;

  constructor({ role, id, args, env = process.env, logFile }: ServiceProcessOptions) {
    this.role = role;
    this.id = id;
    const log = openSync(logFile, 'a', 0o600);
    try {
      this.#child = fork(serviceBin(role), ['--id', id, ...args], {
        stdio: ['ignore', log, log, 'ipc'],
        env,
        // Ctrl-C is for the supervisor, which ends its services in order.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    const child = this.#child;
    this.ended = new Promise((resolve) => {
      child.once('error', () => resolve(1));
      child.once('exit', (code, signal) => resolve(signal ?? code ?? 0));
    });
    const heard = new Promise<Announcement>((resolve) => {
      child.on('message', (announcement: Announcement) => {
        if (announcement.type === 'ready') resolve(announcement);
      });
    });
    const silent = this.ended.then((end) => {
      throw new CkptError(
        'EIO',
        `${role} ${id} ended with ${end} before it was ready: ${lastWords(logFile)}`,
        {
          path: logFile,
        },
      );
    });
    this.ready = Promise.race([heard, silent]);
    this.ready.catch(() => undefined); // told to whoever waits for it
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits until the process is gone. */
  async kill(signal: NodeJS.Signals): Promise<ServiceEnd> {
    this.signal(signal);
    return this.ended;
  }
}

/** Why it ended, as its log says; else the end of the log. */
function lastWords(logFile: string): string {
  const lines = logTail(logFile, LOG_TAIL).split('\n');
  const reasons = lines.map(fatalReason).filter((reason) => reason !== undefined);
  return reasons.at(-1) ?? (lines.slice(-3).join(' | ') || 'it said nothing');
}

/** What a line of a log says is the reason of the end; undefined for all other lines. */
function fatalReason(line: string): string | undefined {
  try {
    const { level, err } = JSON.parse(line) as { level?: unknown; err?: { message?: unknown } };
    return level === 'fatal' && typeof err?.message === 'string' ? err.message : undefined;
  } catch {
    return undefined; // cut short, or what Node says of itself
  }
}
