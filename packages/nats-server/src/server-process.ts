import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { CkptError } from '@ckptree/errors';
import { findOnPath } from './find-binary.js';
import { logTail } from './log-tail.js';

const STOP_TIMEOUT_MS = 10_000;
/** Bytes of the log that are told when a server does not start. */
const LOG_TAIL = 600;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One run of the binary. It does not outlive this process. */
export class ServerProcess {
  readonly exited: Promise<Exit>;
  readonly pid: number;
  #told = false;
  readonly #child: ChildProcess;
  readonly #leave = (): void => {
    this.#child.kill('SIGKILL');
  };

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    process.once('exit', this.#leave);
    void this.exited.then(() => process.off('exit', this.#leave));
  }

  /** @throws ENOENT, EPERM the binary or its log cannot be opened */
  static async start(
    wanted: readonly string[],
    logFile: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const log = await open(logFile, 'a');
    try {
      const [command, ...rest] = dyingWithParent(wanted);
      const child = spawn(command!, rest, {
        stdio: ['ignore', log.fd, log.fd],
        env: { ...process.env, ...env },
      });
      await new Promise((resolve, reject) =>
        child.once('spawn', () => resolve(undefined)).once('error', reject),
      );
      return new ServerProcess(child, child.pid!);
    } finally {
      await log.close();
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Whether it was told to end. */
  get told(): boolean {
    return this.#told;
  }

  /** As an administrator would; by force when it does not listen. */
  async stop(): Promise<void> {
    this.#told = true;
    if (!this.running) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    this.#told = true;
    if (this.running) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/**
 * Our own exit takes the server along, but a SIGKILL leaves us no time for that: the kernel does it then, as
 * `setpriv` (util-linux) asks it to. Without that tool such a server stays, and must be stopped by hand.
 */
function dyingWithParent(command: readonly string[]): readonly string[] {
  const setpriv = process.platform === 'linux' ? findOnPath('setpriv') : undefined;
  return setpriv === undefined ? command : [setpriv, '--pdeathsig', 'KILL', ...command];
}

/** An error with what the server has said last. */
export function withLog(error: unknown, logFile: string): CkptError {
  const said = logTail(logFile, LOG_TAIL);
  const { code, message } =
    error instanceof CkptError ? error : { code: 'EIO' as const, message: String(error) };
  return new CkptError(
    code,
    `${message}; its log (${logFile}) ends: ${said || 'it is empty'}`,
    { path: logFile },
    error,
  );
}
