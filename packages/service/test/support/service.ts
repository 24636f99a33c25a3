import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Announcement } from '@ckptree/service';
import { afterAll, afterEach } from '@jest/globals';

const EXAMPLE = fileURLToPath(new URL('example-service.mjs', import.meta.url));
const PATIENCE_MS = 45_000;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder for one test file, gone when that has ended. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ckptree-service-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Polls until there is a value, or the test has waited too long. */
export async function eventually<Value>(
  what: string,
  look: () => Promise<Value | undefined> | Value | undefined,
) {
  const endsAt = Date.now() + PATIENCE_MS;
  while (Date.now() < endsAt) {
    const value = await look();
    if (value !== undefined && value !== false) return value as Exclude<Value, false>;
    await sleep(20);
  }
  throw new Error(`it did not come to this: ${what}`);
}

const running = new Set<ExampleService>();
afterEach(async () => {
  const left = [...running];
  running.clear();
  for (const { child } of left) child.kill('SIGKILL');
  await Promise.all(left.map(({ ended }) => ended));
});

/** The example service in a process of its own. */
export class ExampleService {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly announcements: Announcement[] = [];
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = fork(EXAMPLE, ['--data', '/tmp', ...args], {
      // Jest's own flags are no business of the service.
      env: { PATH: process.env.PATH, ...env },
      execArgv: [],
      silent: true,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.child.on('message', (message) => this.announcements.push(message as Announcement));
    this.ended = this.#end();
    running.add(this);
  }

  /** Started by another process, which prints its pid as soon as it is ready. */
  static async underSupervisor(): Promise<{ readonly supervisor: ChildProcess; readonly pid: number }> {
    const script = `const { fork } = require('node:child_process');
      const child = fork(${JSON.stringify(EXAMPLE)}, ['--data', '/tmp'], { silent: true, execArgv: [] });
      child.on('message', ({ type, pid }) => type === 'ready' && console.log(pid));`;
    const env = { PATH: process.env.PATH };
    const supervisor = spawn(process.execPath, ['-e', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = (await once(supervisor.stdout!, 'data')) as [Buffer];
    return { supervisor, pid: Number(text.toString()) };
  }

  /** Not the event `close`: it does not come when the channel was closed from this side. */
  async #end(): Promise<Ended> {
    const streams = [this.child.stdout, this.child.stderr].map((stream) => stream && once(stream, 'close'));
    const [code, signal] = (await once(this.child, 'exit')) as [number | null, NodeJS.Signals | null];
    await Promise.all(streams);
    return { code, signal, stdout: this.#stdout, stderr: this.#stderr };
  }

  /** Every line must be one document; a test fails here when something else was written. */
  get log(): LogLine[] {
    return this.#stderr
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as LogLine);
  }

  get stdout(): string {
    return this.#stdout;
  }

  announced(type: Announcement['type']): Promise<Announcement> {
    return eventually(`it announces that it is ${type}`, () =>
      this.announcements.find((announcement) => announcement.type === type),
    );
  }

  logged(msg: string): Promise<LogLine> {
    return eventually(`it logs "${msg}"`, () => this.log.find((line) => line.msg === msg));
  }

  async get(path: string, method = 'GET') {
    const { url } = await this.announced('listening');
    const response = await fetch(new URL(path, url), { method });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: await response.text(),
    };
  }
}
