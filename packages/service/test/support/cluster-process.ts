import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Announcement, Role } from '@ckptree/service';
import { REPOSITORY } from './infra.js';
import { passwordOf } from './nats.js';
import { eventually, type LogLine } from './service.js';

/** A service of this repository as a process of its own, with the password of its role and no other. */
export class ClusterProcess {
  readonly #child: ChildProcess;
  readonly #announced: Announcement[] = [];
  #log = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.#announced.push(message as Announcement));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
  }

  static start(role: Role, nats: string, args: readonly string[]): ClusterProcess {
    const folder = join(REPOSITORY, 'services', role);
    const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
    };
    const env = {
      PATH: process.env.PATH,
      CKPTREE_NATS: nats,
      [`CKPTREE_NATS_${role.toUpperCase()}_PASSWORD`]: passwordOf(role),
    };
    const program = join(folder, bin[`ckptree-${role}`]!);
    return new ClusterProcess(fork(program, args, { env, execArgv: [], silent: true }));
  }

  async ready(): Promise<void> {
    await eventually('it is ready', () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended:\n${this.#log}`);
      return this.#announced.some(({ type }) => type === 'ready');
    });
  }

  /** What a scrape of it says. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.#announced[0]!.url}/metrics`)).text();
  }

  /** Lines of the log that tell of something wrong. */
  get complaints(): LogLine[] {
    const lines = this.#log.split('\n').slice(0, -1);
    return lines
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ level }) => level !== 'info' && level !== 'debug');
  }

  /** @returns its exit code */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode;
  }
}
