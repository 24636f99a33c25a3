import { availableParallelism } from 'node:os';
import { ASSUMPTIONS } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import { Random } from '../engine/random.js';
import { Samples } from '../engine/samples.js';
import { simulateCut } from '../model/barrier.js';
import { mergeSeconds } from '../model/coordinator.js';
import { count, seconds } from '../tables/quantities.js';
import type { Table } from '../tables/table.js';
import { RealCluster } from './real-cluster.js';

const WORKERS = [1, 2, 3];
const TASKS = [10, 200];
const CHECKPOINTS = 10;

/** Checkpoints of real trees by a real cluster on this machine, beside the same in the simulation. */
export async function compare(costs: Costs, seed: number, folder: string): Promise<Table> {
  const cluster = await RealCluster.start(folder, Math.max(...WORKERS));
  const rows: string[][] = [];
  try {
    for (const tasks of TASKS)
      for (const workers of WORKERS) {
        const real = await realCheckpoints(cluster, workers, tasks);
        const paper = simulated(costs, seed, workers, tasks);
        const fastest = real.prepare.quantile(0);
        rows.push([
          count(workers),
          count(tasks),
          seconds(fastest),
          seconds(real.prepare.median),
          seconds(paper),
          `${(fastest / paper).toFixed(2)} x`,
          seconds(real.still.quantile(0)),
          seconds(real.plan.quantile(0)),
          seconds(workers * tasks * (costs.describeTask + mergeSeconds(costs))),
        ]);
      }
  } finally {
    await cluster.stop();
  }
  return {
    title: `${CHECKPOINTS} checkpoints each by a cluster on this machine, beside the simulation`,
    columns: [
      'workers',
      'tasks of each',
      'prepare, fastest',
      'median',
      'simulated',
      'fastest / simulated',
      'standstill, fastest',
      'plan, fastest',
      'costs of that',
    ],
    rows,
    notes: [
      'prepare: until the last worker has answered. plan: skeletons described, fetched and merged.',
      'Simulated without stragglers, on as many cores as this machine has: when it is idle, the fastest real cut should',
      'be much the same. Whatever else the machine does makes real cuts slower.',
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

async function realCheckpoints(
  cluster: RealCluster,
  workers: number,
  tasksPerWorker: number,
): Promise<{ readonly prepare: Samples; readonly still: Samples; readonly plan: Samples }> {
  const root = await cluster.spawn(workers, tasksPerWorker);
  const [prepare, still, plan] = [new Samples(), new Samples(), new Samples()];
  for (let taken = 0; taken <= CHECKPOINTS; taken++) {
    const { prepareMs = 0, downtimeUs = 0, planMs = 0 } = await cluster.checkpoint(root);
    if (taken === 0) continue; // everything for the first time
    prepare.add(prepareMs / 1e3);
    still.add(downtimeUs / 1e6);
    plan.add(planMs / 1e3);
  }
  await cluster.kill(root);
  return { prepare, still, plan };
}
