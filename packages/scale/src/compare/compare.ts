import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { CkptError } from '@ckptree/errors';
import { Connection, request, worker } from '@ckptree/protocol';
import { ASSUMPTIONS } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import { Random } from '../engine/random.js';
import { Samples } from '../engine/samples.js';
import { withOwnServer } from '../measure/own-server.js';
import { simulateCut } from '../model/barrier.js';
import { count, seconds } from '../tables/quantities.js';
import type { Table } from '../tables/table.js';

const WORKERS = [1, 2, 3];
const TASKS = [10, 1_000];
const CUTS = 60;
const START_TIMEOUT_MS = 30_000;

/**
 * Cuts by real processes over a real nats-server, beside the same cuts in the simulation.
 * @param folder for what the server keeps
 * @throws ENOENT there is no nats-server on this machine
 */
export async function compare(costs: Costs, seed: number, folder: string): Promise<Table> {
  const rows: string[][] = [];
  await withOwnServer(folder, async ({ url }) => {
    for (const tasks of TASKS)
      for (const workers of WORKERS) {
        const real = await realCuts(url, workers, tasks);
        const paper = simulated(costs, seed, workers, tasks);
        rows.push([
          count(workers),
          count(tasks),
          seconds(real.barrier.quantile(0)),
          seconds(real.barrier.median),
          seconds(paper),
          `${(real.barrier.quantile(0) / paper).toFixed(2)} x`,
          seconds(real.still.quantile(0)),
        ]);
      }
  });
  return {
    title: `${CUTS} cuts by real processes over a real nats-server, beside the simulation`,
    columns: [
      'workers',
      'tasks of each',
      'fastest',
      'median',
      'simulated',
      'fastest / simulated',
      'standstill',
    ],
    rows,
    notes: [
      'from prepare until all have answered; standstill: the longest of a worker in the fastest cut.',
      'Simulated without stragglers, on as many cores as this machine has: when it is idle, the fastest real cut should',
      'be much the same. What else it does makes real cuts slower.',
    ],
  };
}

/** Nobody late, and hops as they are over loopback. */
function simulated(costs: Costs, seed: number, workers: number, tasksPerWorker: number): number {
  const software = costs.clientRequest + costs.clientReply + 2 * costs.serverMessage;
  const hop = Math.max(0, costs.natsRoundTrip - software) / 4;
  const sharedCores = availableParallelism();
  const straggling = { draw: () => 0, drawLatest: () => 0, later: () => 0, allWithin: () => 1 };
  const tree = {
    workers,
    tasksPerWorker,
    memoryPerTask: 0,
    topology: 'requests',
    straggling,
    sharedCores,
  } as const;
  return simulateCut(tree, costs, { ...ASSUMPTIONS, hop }, Random.stream(seed, 'compare')).barrier;
}

async function realCuts(
  url: string,
  workers: number,
  tasks: number,
): Promise<{ readonly barrier: Samples; readonly still: Samples }> {
  const ids = Array.from({ length: workers }, (_, index) => `scale-${tasks}-${index + 1}`);
  const children: ChildProcess[] = [];
  const connection = await Connection.open({ url, name: 'scale-coordinator' });
  try {
    for (const id of ids) children.push(startWorker(url, id, tasks));
    await Promise.all(children.map(ready));
    const barrier = new Samples();
    const still = new Samples();
    for (let cut = 0; cut <= CUTS; cut++) {
      const start = performance.now();
      await Promise.all(ids.map((id) => request(connection, worker(id).prepare, PREPARE)));
      const answered = (performance.now() - start) / 1e3;
      const resumed = await Promise.all(
        ids.map((id) => request(connection, worker(id).resume, { checkpoint: PREPARE.checkpoint })),
      );
      if (cut === 0) continue; // everything for the first time
      barrier.add(answered);
      still.add(Math.max(...resumed.map(({ downtimeUs }) => downtimeUs)) / 1e6);
    }
    return { barrier, still };
  } finally {
    await connection.close();
    await Promise.all(children.map(stop));
  }
}

const PREPARE = {
  pid: 1,
  checkpoint: '20261123t153926123-7f3a9c2e',
  tree: 't-5f0c6a1b2d3e',
  roots: [1],
  leaseMs: 10_000,
};

const startWorker = (url: string, id: string, tasks: number): ChildProcess =>
  fork(fileURLToPath(new URL('./real-worker.js', import.meta.url)), [url, id, String(tasks)]);

async function ready(child: ChildProcess): Promise<void> {
  const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
  const ended = once(child, 'exit', { signal: timeout }).then(() => {
    throw new CkptError('EPIPE', 'a worker ended before it was ready; see its message above');
  });
  ended.catch(() => undefined); // of a worker that was ready and ends later
  await Promise.race([once(child, 'message', { signal: timeout }), ended]);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
