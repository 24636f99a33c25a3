import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect, type StartedTree } from '@ckptree/client';
import { CkptError } from '@ckptree/errors';
import { CLUSTER_STOP_MS, LocalCluster } from '@ckptree/local-cluster';
import type { Outcome, Session } from '../session.js';
import type { TreeReport } from '../tree/tree-report.js';
import { CkptreeProcess } from './ckptree-process.js';
import { compareTasks, type End } from './compare.js';
import type { DemoCheckpoint, DemoReport } from './demo-report.js';
import { DEMO_BYTES, DEMO_TREE, demoText } from './demo-tree.js';
import * as story from './story.js';

/** Fewer would be no tree to speak of. */
const LEAST_TASKS = 20;
const WORKERS = 3;
const STORAGES = 2;
const LOOK_MS = 50;

/**
 * Runs a tree undisturbed; runs it again, spread over the workers of a cluster; takes a checkpoint while it runs; kills a worker;
 * restarts the tree on the others; and compares how each task ended. Everything is real: nats-server, services and trees are
 * processes of their own.
 */
export async function demo(session: Session): Promise<Outcome<DemoReport>> {
  const folder = await mkdtemp(join(tmpdir(), 'ckptree-demo-'));
  try {
    return await new Demo(folder, session).play();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Demo {
  readonly #session: Session;
  readonly #folder: string;
  readonly #spec: string;

  constructor(folder: string, session: Session) {
    this.#session = session;
    this.#folder = folder;
    this.#spec = join(folder, 'demo.json');
  }

  async play(): Promise<Outcome<DemoReport>> {
    const { narrate } = this.#session;
    await writeFile(join(this.#folder, DEMO_TREE.files[0].path), demoText());
    await writeFile(this.#spec, JSON.stringify(DEMO_TREE));

    this.#session.endsWithin(CLUSTER_STOP_MS);
    narrate(story.opening);
    const undisturbed = await this.#runUndisturbed();
    narrate(story.undisturbed(undisturbed));
    const cluster = await this.#watched('starting the cluster', () =>
      LocalCluster.start({
        dataFolder: join(this.#folder, 'cluster'),
        workers: WORKERS,
        storages: STORAGES,
        restart: false,
        args: { worker: ['--cpus', '1', '--memory', '1G', '--heartbeat', '100ms'] },
        signal: this.#session.signal,
      }),
    );
    try {
      const client = await connect({ url: cluster.natsUrl, signal: this.#session.signal });
      try {
        return await this.#inCluster(cluster, client, undisturbed);
      } finally {
        await client.close();
      }
    } finally {
      await cluster.stop();
    }
  }

  async #inCluster(
    cluster: LocalCluster,
    client: Client,
    undisturbed: TreeReport,
  ): Promise<Outcome<DemoReport>> {
    const { narrate } = this.#session;
    const spawned = await this.#spawn(client);
    narrate(story.spawned(spawned, STORAGES));
    const checkpoint = await this.#checkpoint(client, spawned.rootPid);
    narrate(story.checkpointed(checkpoint));
    const killed = await this.#kill(cluster, client, spawned);
    narrate(story.killed(killed));
    const start = performance.now();
    const restarted = await client.restart(checkpoint.id, this.#signal);
    const ends = await this.#watched('running the restarted tree', () => this.#ends(client, restarted.tree));
    const restartedMs = performance.now() - start;
    narrate(story.restarted(restarted, ends.length, restartedMs));

    const comparison = compareTasks(undisturbed.tasks, ends);
    const { equal, different } = comparison;
    const whole = ends.length >= checkpoint.tasks && equal.length >= LEAST_TASKS;
    const report: DemoReport = {
      proved: whole && different.length === 0,
      tasks: undisturbed.tasks.length,
      undisturbedMs: undisturbed.elapsedMs,
      workers: [...spawned.workers],
      checkpoint,
      killed,
      restartedOn: [...restarted.workers],
      restartedMs,
      ...comparison,
    };
    return { report, exitCode: report.proved ? 0 : 1 };
  }

  /** Started, and come so far that all tasks are at work and their memory is filled. */
  async #spawn(client: Client): Promise<StartedTree> {
    const spec = { ...DEMO_TREE, cpus: undefined, memoryMiB: undefined };
    const spawned = await client.spawn(JSON.parse(JSON.stringify(spec)) as object, {
      baseFolder: this.#folder,
      ...this.#signal,
    });
    await this.#watched('running it on the workers', async () => {
      for (let used = 0; used < DEMO_BYTES; ) {
        await sleep(LOOK_MS, undefined, this.#signal);
        const workers = await client.workers(this.#signal);
        used = workers.reduce((sum, { load }) => sum + load.memoryBytes, 0);
        const { running, missing } = await client.ends(spawned.tree, this.#signal);
        // What has ended fills no memory any more.
        if (running === 0 && missing.length === 0)
          throw new CkptError('EIO', 'the tree ended before it had filled its memory; try again');
      }
    });
    return spawned;
  }

  async #checkpoint(client: Client, pid: number): Promise<DemoCheckpoint> {
    const handle = await client.checkpoint(pid, { name: 'demo', ...this.#signal });
    const { id, figures } = await this.#watched('taking the checkpoint', () => handle.done);
    const { tasks = 0, mms = 0, logicalBytes = 0, storedBytes = 0, downtimeUs = 0, totalMs = 0 } = figures;
    return { id, tasks, mms, bytes: logicalBytes, storedBytes, downtimeUs, totalMs };
  }

  /** The worker with the most tasks is killed as by a power failure. */
  async #kill(
    cluster: LocalCluster,
    client: Client,
    { tree, workers }: StartedTree,
  ): Promise<DemoReport['killed']> {
    const { tasks } = await client.ps({ tree, ...this.#signal });
    const hosted = (id: string): number => tasks.filter(({ worker }) => worker === id).length;
    const [worker = ''] = workers.toSorted((one, other) => hosted(other) - hosted(one));
    await cluster.remove(worker, 'SIGKILL');
    await this.#watched('waiting until it is missed', async () => {
      while ((await client.workers(this.#signal)).some((alive) => alive.worker === worker))
        await sleep(LOOK_MS, undefined, this.#signal);
    });
    return { worker, tasks: hosted(worker) };
  }

  async #ends(client: Client, tree: string): Promise<readonly End[]> {
    for (;;) {
      const { ends, running, missing } = await client.ends(tree, this.#signal);
      if (running === 0 && missing.length === 0) return ends;
      await sleep(LOOK_MS, undefined, this.#signal);
    }
  }

  #runUndisturbed(): Promise<TreeReport> {
    return this.#watched('running the tree', async () => {
      const process = new CkptreeProcess(['run', this.#spec]);
      const { signal } = this.#session;
      const onAbort = (): void => void process.kill('SIGTERM');
      signal.addEventListener('abort', onAbort);
      try {
        return await process.report<TreeReport>();
      } finally {
        signal.removeEventListener('abort', onAbort);
        await process.kill('SIGKILL');
      }
    });
  }

  get #signal(): { readonly signal: AbortSignal } {
    return { signal: this.#session.signal };
  }

  #watched<Result>(activity: string, work: () => Promise<Result>): Promise<Result> {
    const { signal, progress } = this.#session;
    signal.throwIfAborted();
    const start = performance.now();
    const seconds = () => `${((performance.now() - start) / 1_000).toFixed(1)} s`;
    return progress.during(activity, seconds, work);
  }
}
