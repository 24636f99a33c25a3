import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CkptError } from '@ckptree/errors';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
/** Linux: USER_HZ, which /proc counts in, is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A nats-server of our own, on a free port, with JetStream on the disk that is to be measured. */
export class NatsProcess {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly url: string;

  private constructor(process: ChildProcess, folder: string, url: string) {
    this.#process = process;
    this.#folder = folder;
    this.url = url;
  }

  /** @returns `undefined` where there is no nats-server on PATH. @throws ETIMEDOUT it does not come up */
  static async start(parent: string): Promise<NatsProcess | undefined> {
    const folder = await mkdtemp(join(parent, 'ckptree-nats-'));
    const args = ['--addr', '127.0.0.1', '--port', '-1', '--jetstream', '--store_dir', folder];
    const process = spawn('nats-server', [...args, '--ports_file_dir', folder], { stdio: 'ignore' });
    const failed = new Promise<'absent'>((resolve) => process.once('error', () => resolve('absent')));
    const url = await Promise.race([failed, portOf(folder)]);
    if (url !== 'absent' && url !== 'late') return new NatsProcess(process, folder, url);
    process.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
    if (url === 'absent') return undefined;
    throw new CkptError('ETIMEDOUT', `nats-server did not open its port within ${START_TIMEOUT_MS / 1000} s`);
  }

  /** Core seconds that it has used so far. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#process.pid}/stat`, 'utf8');
    // proc(5): the name, in brackets, may hold anything; utime and stime are the 12th and 13th fields behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (this.#process.exitCode === null) {
      this.#process.kill('SIGTERM');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function portOf(folder: string): Promise<string> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const file = (await readdir(folder)).find((name) => name.endsWith('.ports'));
    const text = file === undefined ? '' : await readFile(join(folder, file), 'utf8');
    // It is written in one piece, but may be seen before.
    const url = /"(nats:\/\/[^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
    await sleep(POLL_MS);
  }
  return 'late';
}
