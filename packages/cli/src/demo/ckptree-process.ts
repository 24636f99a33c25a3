import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CkptError } from '@ckptree/errors';
import type { SessionEvent } from '../session.js';

const BIN = fileURLToPath(new URL('../../bin/ckptree.js', import.meta.url));

/** A `ckptree` command in a process of its own. */
export class CkptreeProcess {
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #ended: Promise<NodeJS.Signals | number>;
  #stdout = '';
  #stderr = '';

  /** @param args its command line; `--json` is added */
  constructor(args: readonly string[]) {
    this.#command = args[0] ?? '';
    const child = fork(BIN, [...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.#child = child;
    this.#ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? code ?? 0));
    });
  }

  /**
   * What it reports when it has ended.
   * @throws EIO it failed
   */
  async report<Report>(): Promise<Report> {
    const end = await this.#ended;
    if (end !== 0) throw this.#failure(end);
    return JSON.parse(this.#stdout) as Report;
  }

  /**
   * What it announces next.
   * @throws EIO it ends without a word
   */
  async announcement(): Promise<SessionEvent> {
    const heard = new Promise<SessionEvent>((resolve) =>
      this.#child.once('message', (event) => resolve(event as SessionEvent)),
    );
    const silent = this.#ended.then((end) => {
      throw this.#failure(end);
    });
    return Promise.race([heard, silent]);
  }

  /** Sends it a signal and waits until it is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  #failure(end: NodeJS.Signals | number): CkptError {
    const why = this.#stderr.trim() || `it ended with ${end}`;
    return new CkptError('EIO', `ckptree ${this.#command} failed: ${why}`);
  }
}
