import { mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CkptError } from '@ckptree/errors';
import { LocalCluster } from '@ckptree/local-cluster';
import {
  type CheckpointFigures,
  Connection,
  coordinator,
  isTerminal,
  queueRequest,
  recordsOf,
  request,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';

const SPAWN_TIMEOUT_MS = 60_000;
const CHECKPOINT_TIMEOUT_MS = 120_000;
/** Longer than a busy machine makes a cut. */
const LEASE_MS = 60_000;

/** Services on this machine, and what their checkpoints say of themselves. */
export class RealCluster {
  readonly #folder: string;
  readonly #cluster: LocalCluster;
  readonly #connection: Connection;
  /** Of the next tree: zombies of one that was killed keep theirs for a while. */
  #nextPid = 1;

  private constructor(folder: string, cluster: LocalCluster, connection: Connection) {
    this.#folder = folder;
    this.#cluster = cluster;
    this.#connection = connection;
  }

  /** @throws ENOENT there is no nats-server; EIO a service does not start */
  static async start(parent: string, workers: number): Promise<RealCluster> {
    const folder = await mkdtemp(join(resolve(parent), 'ckptree-scale-'));
    let cluster: LocalCluster | undefined;
    try {
      cluster = await LocalCluster.start({ dataFolder: folder, workers });
      const connection = await Connection.open({ url: cluster.natsUrl, name: 'scale' });
      return new RealCluster(folder, cluster, connection);
    } catch (error) {
      await cluster?.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** A tree with as many tasks on each of the first workers. @returns its root's pid */
  async spawn(workers: number, tasksPerWorker: number): Promise<number> {
    const idle = { program: 'idle', params: { memoryMiB: 0, ticks: 1_000_000_000 } };
    const tasks = workers * tasksPerWorker;
    const first = this.#nextPid;
    this.#nextPid += tasks;
    const spec = {
      root: { ...idle, pid: first, ...(tasks > 1 && { children: [{ ...idle, repeat: tasks - 1 }] }) },
    };
    const placement = Object.fromEntries(
      Array.from({ length: tasks }, (_, task) => [first + task, `worker-${1 + (task % workers)}`]),
    );
    const spawned = await request(
      this.#connection,
      coordinator.spawn,
      { spec, placement },
      { timeoutMs: SPAWN_TIMEOUT_MS },
    );
    return spawned.rootPid;
  }

  /** @throws what the checkpoint failed with; ETIMEDOUT */
  async checkpoint(pid: number): Promise<CheckpointFigures> {
    const checkpoint = newManifestId();
    const requested = new Date().toISOString();
    await queueRequest(this.#connection, { version: 1, checkpoint, pid, requested, leaseMs: LEASE_MS });
    const signal = AbortSignal.timeout(CHECKPOINT_TIMEOUT_MS);
    for await (const { value } of recordsOf(this.#connection).checkpoints.watch({
      key: checkpoint,
      signal,
    })) {
      if (value === undefined || !isTerminal(value.state)) continue;
      if (value.state === 'completed') return value.figures ?? {};
      throw new CkptError('EIO', `a checkpoint ended as ${value.state}: ${value.error?.message ?? ''}`);
    }
    throw new CkptError('ETIMEDOUT', `a checkpoint was not complete after ${CHECKPOINT_TIMEOUT_MS / 1000} s`);
  }

  async kill(pid: number): Promise<void> {
    await request(this.#connection, coordinator.signal, { pid, signal: 'kill' });
  }

  async stop(): Promise<void> {
    await this.#connection.close();
    await this.#cluster.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
