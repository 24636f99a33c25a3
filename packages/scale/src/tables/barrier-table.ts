import { Samples } from '../engine/samples.js';
import { simulateCut, TOPOLOGIES, type Topology } from '../model/barrier.js';
import { count, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const WORKERS = [3, 10, 30, 100, 300, 1_000, 3_000, 10_000];
/** Cuts are simulated until so many answers were: the more workers, the fewer cuts. */
const ANSWERS = 60_000;
const MOST_CUTS = 300;
const FEWEST_CUTS = 31;

interface Cell {
  readonly workers: number;
  readonly barrier: number;
  readonly late: number;
  readonly longest: number;
  readonly coordinator: number;
}

function cell(given: Given, topology: Topology, workers: number): Cell {
  const { costs, assumed } = given;
  const random = cellRandom(given, 'barrier', topology, workers);
  const barrier = new Samples();
  const longest = new Samples();
  let coordinator = 0;
  const cuts = Math.min(MOST_CUTS, Math.max(FEWEST_CUTS, Math.round(ANSWERS / workers)));
  const tree = {
    workers,
    topology,
    tasksPerWorker: Math.round(assumed.tasks / assumed.workers),
    memoryPerTask: assumed.memoryPerTask,
  };
  for (let cut = 0; cut < cuts; cut++) {
    const figures = simulateCut(tree, costs, assumed, random);
    barrier.add(figures.barrier);
    longest.add(figures.longestDowntime);
    coordinator += figures.coordinatorBusy / cuts;
  }
  return {
    workers,
    barrier: barrier.median,
    late: barrier.quantile(0.9),
    longest: longest.median,
    coordinator,
  };
}

function compute(given: Given): Table {
  const cells = new Map(
    TOPOLOGIES.map((topology) => [topology, WORKERS.map((workers) => cell(given, topology, workers))]),
  );
  const rows = WORKERS.map((workers, index) => [
    count(workers),
    ...TOPOLOGIES.flatMap((topology) => {
      const { barrier, late, longest } = cells.get(topology)![index]!;
      return [seconds(barrier), seconds(late), seconds(longest)];
    }),
    ...(['requests', 'fan-out'] as const).map((topology) =>
      seconds(cells.get(topology)![index]!.coordinator),
    ),
  ]);
  const { tasks, workers, memoryPerTask } = given.assumed;
  return {
    title:
      'One tree over many workers: time until the last has answered `prepare` (median, 90 % of cuts), longest standstill of a task (median)',
    columns: [
      'workers',
      ...TOPOLOGIES.flatMap((topology) => [topology, '90 %', 'still']),
      'coordinator, requests',
      'fan-out',
    ],
    rows,
    notes: [
      `${count(tasks / workers)} tasks of ${seconds(given.costs.snapshotTask)} and ${count(((tasks / workers) * memoryPerTask) / 2 ** 21)} page table leaves on each worker.`,
      'requests: one for each worker, as designed. fan-out: one message for all, answers to one inbox.',
      'two levels: aggregators with as many workers each as there are aggregators.',
    ],
    plot: {
      title: 'A request for each worker costs the coordinator; what is left with fan-out are stragglers',
      subtitle: 'Time from prepare until the last worker has answered; median of simulated cuts',
      source: 'npm run scale -- barrier --plots docs/plots',
      x: { label: 'workers that host the tree', scale: 'log' },
      y: { label: 'time until all have answered', scale: 'log', unit: 'seconds' },
      series: TOPOLOGIES.map((topology) => ({
        label: topology,
        points: cells.get(topology)!.map(({ workers, barrier }) => ({ x: workers, y: barrier })),
      })),
    },
  };
}

export const barrierTable: NamedTable = {
  name: 'barrier',
  summary: 'how long a cut takes, and tasks stand still, as a tree is spread over more workers',
  compute,
};
