import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection } from '@ckptree/protocol';

const BIN = join(import.meta.dirname, '../../bin/storage.js');

/** A storage service in a process of its own. */
export class StorageProcess {
  readonly child: ChildProcess;
  readonly output: string[] = [];

  private constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => void this.output.push(text));
  }

  /** It serves when this resolves. */
  static async start(url: string, store: string, args: readonly string[] = []): Promise<StorageProcess> {
    const flags = ['--nats', url, '--store', store, '--init', '--announce', '--log-level', 'warn', ...args];
    const child = spawn(process.execPath, [BIN, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const started = new StorageProcess(child);
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`storage ended: ${started.output.join('')}`);
      return started.output.join('').includes('"type":"ready"');
    });
    return started;
  }

  /** Where its metrics are. */
  get url(): string {
    const lines = this.output.join('').split('\n');
    return (JSON.parse(lines.find((line) => line.includes('"ready"'))!) as { url: string }).url;
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode;
  }
}

/** Asks until it is so. */
export async function eventually(isSo: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come about in time');
    await sleep(20);
  }
}

/** A NATS server, storage services and connections, all of which end with the test file. */
export class Cluster {
  readonly #ends: (() => Promise<unknown>)[] = [];
  #nats!: TestServer;

  static async start(): Promise<Cluster> {
    const cluster = new Cluster();
    cluster.#nats = await testServer();
    return cluster;
  }

  get nats(): TestServer {
    return this.#nats;
  }

  async folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'ckptree-storage-'));
    this.#ends.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async storage(store: string, args: readonly string[] = []): Promise<StorageProcess> {
    const started = await StorageProcess.start(this.#nats.url, store, args);
    this.#ends.push(() => started.stop('SIGKILL'));
    return started;
  }

  async connect(name = 'test'): Promise<Connection> {
    const connection = await Connection.open({ url: this.#nats.url, name });
    this.#ends.push(() => connection.close());
    return connection;
  }

  async end(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    await this.#nats.remove();
  }
}
