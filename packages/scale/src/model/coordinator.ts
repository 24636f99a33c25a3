import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import type { Random } from '../engine/random.js';
import { Samples } from '../engine/samples.js';
import { Simulation } from '../engine/simulation.js';
import { Station } from '../engine/station.js';

/** Where a coordinator merges skeletons: on its event loop, between all else, or in threads beside it. */
export type MergePlace = 'event loop' | 'threads';

/** Many trees alike, each checkpointed at an interval, over one or more coordinators. */
export interface TreesOfCluster {
  readonly trees: number;
  readonly tasksPerTree: number;
  readonly workersPerTree: number;
  readonly interval: number;
  /** Trees are dealt out to them. */
  readonly coordinators: number;
  readonly merge: MergePlace;
  /** Seconds that a dump takes; each worker is asked for its state once a second meanwhile, or once when it has ended. */
  readonly dump: number;
  readonly polled: boolean;
  /** Seconds that are simulated. */
  readonly time: number;
}

export interface CoordinatorFigures {
  /** Share of the time that an event loop was busy. */
  readonly busy: number;
  /** Seconds that the answers of one tree waited to be seen: while they do, its tasks stand still. */
  readonly waitMedian: number;
  readonly waitWorst: number;
  /** The longest that an event loop did one thing. */
  readonly longestBlock: number;
}

/** Tasks that one message describes: a page of a skeleton. */
const PAGE_TASKS = 1000;
export const MERGE_THREADS = 4;

/** What one task costs the coordinator that merges it. */
export const mergeSeconds = ({ skeletonParse, mergeTask }: Costs): number => skeletonParse + mergeTask;

export function simulateCoordinators(
  cluster: TreesOfCluster,
  costs: Costs,
  assumed: Assumptions,
  random: Random,
): CoordinatorFigures {
  const simulation = new Simulation();
  const loops = Array.from({ length: cluster.coordinators }, () => new Station(simulation));
  const threads = loops.map(() => new Station(simulation, MERGE_THREADS));
  const waits = new Samples();
  const merge = cluster.tasksPerTree * mergeSeconds(costs);
  const pages = Math.ceil(cluster.tasksPerTree / PAGE_TASKS);
  const round = cluster.workersPerTree * costs.clientRequest;
  const travel = 4 * assumed.hop + assumed.meanWait;

  const checkpoint = (loop: Station, thread: Station) => {
    const answers = () => {
      const wait = loop.freeAt - simulation.now;
      waits.add(wait);
      loop.serve(round / 2, describe);
    };
    const describe = () => loop.serve(pages * costs.clientRequest + round / 2, plan);
    const plan = () => (cluster.merge === 'threads' ? thread : loop).serve(merge, dump);
    const dump = () => {
      if (!cluster.polled) {
        simulation.after(cluster.dump, commit);
        return;
      }
      for (let second = 1; second < cluster.dump; second++) simulation.after(second, () => loop.serve(round));
      simulation.after(cluster.dump, commit);
    };
    // The manifest's parts are gathered, and a handful of records and events written.
    const commit = () => loop.serve(round + 10 * costs.clientRequest);
    loop.serve(round / 2, () => simulation.after(travel, answers));
  };

  for (let tree = 0; tree < cluster.trees; tree++) {
    const loop = loops[tree % loops.length]!;
    const thread = threads[tree % loops.length]!;
    for (let at = random.uniform() * cluster.interval; at < cluster.time; at += cluster.interval)
      simulation.after(at, () => checkpoint(loop, thread));
  }
  simulation.run();
  const busy = loops.reduce((sum, loop) => sum + loop.figures.busy, 0);
  return {
    busy: busy / loops.length / Math.max(simulation.now, cluster.time),
    waitMedian: waits.median,
    waitWorst: waits.quantile(0.99),
    longestBlock: cluster.merge === 'threads' ? round : Math.max(merge, round),
  };
}
