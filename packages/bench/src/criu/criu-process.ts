import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { asCkptError, CkptError } from '@ckptree/errors';
import { isThere, type Peer, runCommand } from '../command.js';
import { compile } from '../compile.js';
import { sum, type Timing } from '../measure.js';

const CRIU: Peer = { program: 'criu', debianPackage: 'criu' };

const criu = (...args: string[]): Promise<Timing> => runCommand(['criu', ...args]);

/** Filling a GiB takes a second or two. */
const READY_TIMEOUT_MS = 5 * 60_000;
const SERVER_TIMEOUT_MS = 60_000;

/** A real process with so much random memory, which CRIU saves and brings back. */
export class CriuProcess {
  readonly #pid: number;
  readonly #images: string;

  private constructor(pid: number, images: string) {
    this.#pid = pid;
    this.#images = images;
    process.prependListener('exit', this.#kill);
  }

  /** @returns undefined where CRIU is not there, or does not run; that was told */
  static async start(
    memoryMiB: number,
    folder: string,
    tell: (message: string) => void,
  ): Promise<CriuProcess | undefined> {
    runs ??= runsHere(tell);
    if (!(await runs)) return undefined;
    const program = await compile('criu/held-memory.c', folder, tell);
    if (program === undefined) return undefined;
    // A session of its own, without a terminal or pipes to us: CRIU saves no end of what goes on elsewhere.
    const child = spawn(program, [`${memoryMiB}`], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    child.unref();
    const held = new CriuProcess(child.pid!, join(folder, 'criu'));
    try {
      await Promise.race([
        once(child.stdout!, 'data', { signal: AbortSignal.timeout(READY_TIMEOUT_MS) }),
        once(child, 'exit').then(() => {
          throw new CkptError('EIO', 'the process that CRIU was to save ended');
        }),
      ]);
      return held;
    } catch (error) {
      held.end();
      throw error;
    }
  }

  /** Saves the process, durably; it is gone then. */
  async dump(): Promise<Timing> {
    await rm(this.#images, { recursive: true, force: true });
    await mkdir(this.#images);
    const dumped = await criu('dump', '--tree', `${this.#pid}`, '--images-dir', this.#images);
    return sum(dumped, await runCommand(['sh', '-c', 'sync "$1"/*', 'sh', this.#images]));
  }

  /** Brings it back as it was saved last, under the same pid. */
  restore(): Promise<Timing> {
    return criu('restore', '--images-dir', this.#images, '--restore-detached');
  }

  /** As restore(), but it runs before its memory is there. @returns until then; when it resolves, all memory is there */
  async restoreLazily(): Promise<Timing> {
    const server = criu('lazy-pages', '--images-dir', this.#images);
    try {
      const socket = join(this.#images, 'lazy-pages.socket');
      const deadline = performance.now() + SERVER_TIMEOUT_MS;
      while (!existsSync(socket)) {
        if (performance.now() > deadline)
          throw new CkptError('ETIMEDOUT', 'criu lazy-pages does not begin to serve');
        await setTimeout(10);
      }
      const args = ['--images-dir', this.#images, '--restore-detached', '--lazy-pages'];
      return await criu('restore', ...args);
    } finally {
      await server;
    }
  }

  end(): void {
    this.#kill();
    process.off('exit', this.#kill);
  }

  readonly #kill = (): void => {
    try {
      process.kill(this.#pid, 'SIGKILL');
    } catch {
      // It is saved, and not back.
    }
  };
}

/** Found out once, and told once. */
let runs: Promise<boolean> | undefined;

/** CRIU must know the kernel that it runs on, and may have to be root. */
async function runsHere(tell: (message: string) => void): Promise<boolean> {
  if (!isThere(CRIU, tell)) return false;
  try {
    await criu('check');
    return true;
  } catch (error) {
    const why = asCkptError(error).message.replaceAll('\n', '; ');
    tell(`criu is left out, for it does not run here: ${why}`);
    return false;
  }
}
