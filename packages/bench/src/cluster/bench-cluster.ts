import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type CompletedCheckpoint, connect, type StartedTree } from '@ckptree/client';
import { LocalCluster } from '@ckptree/local-cluster';
import { type Timing, timed } from '../measure.js';
import { cpuSecondsOf } from './process-cpu.js';

const POLL_MS = 50;
/** The program `idle` fills two pages in a tick. */
const FILL_TICKS_PER_MIB = 128;
/** On few cores, many processes take long to come to stand still. */
const LEASE_MS = 60_000;

export interface BenchClusterOptions {
  readonly folder: string;
  readonly workers: number;
  readonly carrier?: 'volume' | 'nats';
  /** Of each worker. */
  readonly memoryMiB: number;
  /** That encode and write, of each worker; default: one for each core. */
  readonly threads?: number;
}

/** A tree whose tasks never end: a root with one page, and below it tasks that hold so much memory each. */
export interface BenchTree {
  /** Below the root. */
  readonly tasks: number;
  /** Of each task; 0 is one page. */
  readonly memoryMiB: number;
  /** Over the first so many workers. */
  readonly workers: number;
  /** A page in each tick. Default: none. */
  readonly writing?: boolean;
  /** What they fill it with; default: what does not compress. */
  readonly pattern?: 'random' | 'text' | undefined;
}

/** A checkpoint that is complete, and what it took from the request until that was in hand. */
export interface Completed extends Timing, CompletedCheckpoint {}

/** A cluster of processes on this machine, and a client of it. */
export class BenchCluster {
  readonly client: Client;
  readonly #cluster: LocalCluster;
  readonly #folder: string;
  /** Zombies of a tree that was killed keep their pids for a while. */
  #nextPid = 1;

  private constructor(folder: string, cluster: LocalCluster, client: Client) {
    this.#folder = folder;
    this.#cluster = cluster;
    this.client = client;
  }

  /** @throws ENOENT there is no nats-server; EIO a service does not start */
  static async start(options: BenchClusterOptions): Promise<BenchCluster> {
    const { workers, carrier = 'volume', memoryMiB, threads } = options;
    const folder = await mkdtemp(join(options.folder, 'cluster-'));
    const worker = ['--cpus', '1', '--memory', `${memoryMiB}M`];
    if (threads !== undefined) worker.push('--threads', `${threads}`);
    const cluster = await LocalCluster.start({ dataFolder: folder, workers, carrier, args: { worker } });
    const client = await connect({ url: cluster.natsUrl });
    while ((await client.workers()).length < workers) await sleep(POLL_MS);
    return new BenchCluster(folder, cluster, client);
  }

  get natsUrl(): string {
    return this.#cluster.natsUrl;
  }

  /** The process of the NATS server, if it was started for this cluster. */
  get natsPid(): number | undefined {
    return this.#cluster.nats?.pid;
  }

  get store(): string {
    return join(this.#folder, 'store');
  }

  /** Starts a tree. Tasks go round the workers, the root to the first. */
  async spawn({
    tasks,
    memoryMiB,
    workers,
    writing = false,
    pattern = 'random',
  }: BenchTree): Promise<StartedTree> {
    const first = this.#nextPid;
    this.#nextPid += tasks + 1;
    const idle = (ownMiB: number) => ({
      program: 'idle',
      params: { memoryMiB: ownMiB, pattern, forever: true, writesPerTick: writing ? 1 : 0 },
    });
    const root = { ...idle(0), pid: first, children: [{ ...idle(memoryMiB), repeat: tasks }] };
    const placement = Object.fromEntries(
      Array.from({ length: tasks + 1 }, (_, index) => [first + index, `worker-${1 + (index % workers)}`]),
    );
    return this.client.spawn({ root }, { placement });
  }

  /** All tasks have filled as much memory. */
  async filled(tree: string, memoryMiB: number): Promise<void> {
    // The first tick maps the memory.
    const ticks = 1 + Math.max(1, memoryMiB * FILL_TICKS_PER_MIB);
    while (!(await this.client.ps({ tree })).tasks.every((task) => task.ticks >= ticks)) await sleep(POLL_MS);
  }

  async checkpoint(pid: number, { stop = false } = {}): Promise<Completed> {
    let completed: CompletedCheckpoint | undefined;
    const timing = await this.timed(async () => {
      const handle = await this.client.checkpoint(pid, { leaseMs: LEASE_MS, stop });
      completed = await handle.done;
    });
    return { ...completed!, ...timing };
  }

  /** Kills a tree, and waits until nothing of it is left. */
  async kill({ tree, rootPid }: StartedTree): Promise<void> {
    await this.client.kill(rootPid);
    await this.gone(tree);
  }

  /** No task of a tree is left, not even a zombie. */
  async gone(tree: string): Promise<void> {
    while ((await this.client.ps({ tree })).tasks.length > 0) await sleep(POLL_MS);
  }

  /** What something takes, and costs this process and all of the cluster. */
  async timed(action: () => Promise<unknown>): Promise<Timing> {
    const { ids, nats } = this.#cluster;
    const pids = ids.map((id) => this.#cluster.get(id).pid);
    if (nats?.pid !== undefined) pids.push(nats.pid);
    const before = cpuSecondsOf(pids);
    const { seconds, cpuSeconds } = await timed(action);
    return { seconds, cpuSeconds: cpuSeconds + cpuSecondsOf(pids) - before };
  }

  async stop(): Promise<void> {
    await this.client.close();
    await this.#cluster.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
