import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import type { Random } from '../engine/random.js';
import { Simulation } from '../engine/simulation.js';
import { Station } from '../engine/station.js';
import { type Straggling, straggling } from './straggling.js';

/**
 * How `prepare` and `resume` get to the workers and answers back.
 * - `requests`: a request for each worker, as for any other service;
 * - `fan-out`: one message on the tree's own subject, and plain answers to one inbox;
 * - `two levels`: one message to as many aggregators as each has workers, which do the same and answer for all of theirs.
 */
export const TOPOLOGIES = ['requests', 'fan-out', 'two levels'] as const;
export type Topology = (typeof TOPOLOGIES)[number];

export interface CutOfTree {
  /** That host a part of the tree. */
  readonly workers: number;
  readonly tasksPerWorker: number;
  readonly memoryPerTask: number;
  readonly topology: Topology;
  /** Cores that all workers share, when they have no hosts of their own. */
  readonly sharedCores?: number;
  /** How late workers are; default: as assumed. */
  readonly straggling?: Straggling;
}

/** Seconds, from the first `prepare` on. */
export interface CutFigures {
  /** Until the last answer had been received. */
  readonly barrier: number;
  /** How long a worker's tasks stood still: the mean over the workers, and the longest. */
  readonly meanDowntime: number;
  readonly longestDowntime: number;
  /** Core seconds of the coordinator. */
  readonly coordinatorBusy: number;
}

const LEAF_BYTES = 2 * 2 ** 20;

/** Simulates one cut: every message, every answer, every wait in line. */
export function simulateCut(tree: CutOfTree, costs: Costs, assumed: Assumptions, random: Random): CutFigures {
  return new BarrierRun(tree, costs, assumed, random).run();
}

/** What a worker does between hearing of a cut and answering, without what makes it late. */
export function prepareSeconds(
  { tasksPerWorker, memoryPerTask }: Pick<CutOfTree, 'tasksPerWorker' | 'memoryPerTask'>,
  costs: Costs,
): number {
  const leaves = (tasksPerWorker * memoryPerTask) / LEAF_BYTES;
  return costs.freezeTree + tasksPerWorker * costs.snapshotTask + leaves * costs.snapshotLeaf;
}

/** Whoever hands a message on to others and gathers what they answer: the coordinator, an aggregator. */
interface Hub {
  readonly core: Station;
  /** Of nats-server, for what this one sends: a connection is read by one goroutine, in order. */
  readonly link: Station;
}

class BarrierRun {
  readonly #simulation = new Simulation();
  readonly #tree: CutOfTree;
  readonly #costs: Costs;
  readonly #assumed: Assumptions;
  readonly #random: Random;
  readonly #straggling: Straggling;
  /** Of nats-server, for what workers send: many connections, all cores. */
  readonly #server: Station;
  readonly #sharedCores: Station | undefined;
  readonly #frozenAt: Float64Array;
  #downtimes = 0;
  #longest = 0;

  constructor(tree: CutOfTree, costs: Costs, assumed: Assumptions, random: Random) {
    this.#tree = tree;
    this.#costs = costs;
    this.#assumed = assumed;
    this.#random = random;
    this.#straggling = tree.straggling ?? straggling(assumed);
    this.#server = new Station(this.#simulation, assumed.natsCores);
    const { sharedCores } = tree;
    this.#sharedCores = sharedCores === undefined ? undefined : new Station(this.#simulation, sharedCores);
    this.#frozenAt = new Float64Array(tree.workers);
  }

  run(): CutFigures {
    const coordinator = this.#newHub();
    let barrier = 0;
    this.#simulation.after(0, () =>
      this.#round(coordinator, 'prepare', () => {
        barrier = this.#simulation.now;
        this.#round(coordinator, 'resume', () => undefined);
      }),
    );
    this.#simulation.run();
    return {
      barrier,
      meanDowntime: this.#downtimes / this.#tree.workers,
      longestDowntime: this.#longest,
      coordinatorBusy: coordinator.core.figures.busy,
    };
  }

  #newHub(): Hub {
    return { core: new Station(this.#simulation), link: new Station(this.#simulation) };
  }

  /** A message to all workers, and all of their answers. */
  #round(coordinator: Hub, step: 'prepare' | 'resume', done: () => void): void {
    const { workers, topology } = this.#tree;
    const all = Array.from({ length: workers }, (_, worker) => worker);
    const toWorkers = (worker: number, answer: () => void) => this.#worker(worker, step, answer);
    if (topology !== 'two levels') {
      this.#gather(coordinator, all, toWorkers, done);
      return;
    }
    const size = Math.ceil(Math.sqrt(workers));
    const groups = Array.from({ length: Math.ceil(workers / size) }, (_, group) =>
      all.slice(group * size, (group + 1) * size),
    );
    // An aggregator is a process like any other: it is late like any other, too.
    const toGroup = (group: readonly number[], answer: () => void) =>
      this.#simulation.after(this.#straggling.draw(this.#random), () =>
        this.#gather(this.#newHub(), group, toWorkers, answer),
      );
    this.#gather(coordinator, groups, toGroup, done);
  }

  /** Sends to every member; `done` when the hub has received all answers. */
  #gather<Member>(
    hub: Hub,
    members: readonly Member[],
    deliver: (member: Member, answer: () => void) => void,
    done: () => void,
  ): void {
    const { clientRequest, clientReceive } = this.#costs;
    const { hop } = this.#assumed;
    const single = this.#tree.topology === 'requests';
    const receive = single ? clientRequest / 2 : clientReceive;
    let missing = members.length;
    const answered = () => {
      if (--missing === 0) done();
    };
    const answer = () =>
      this.#server.serve(this.#costs.serverMessage, () =>
        this.#simulation.after(2 * hop, () => hub.core.serve(receive, answered)),
      );
    const onServer = (member: Member, seconds: number) =>
      hub.link.serve(seconds, () => this.#simulation.after(2 * hop, () => deliver(member, answer)));
    if (single)
      for (const member of members)
        hub.core.serve(clientRequest / 2, () => onServer(member, this.#costs.serverMessage));
    else
      hub.core.serve(clientRequest / 2, () => {
        for (const member of members) onServer(member, this.#costs.serverDelivery);
      });
  }

  #worker(worker: number, step: 'prepare' | 'resume', answer: () => void): void {
    this.#simulation.after(this.#straggling.draw(this.#random), () => {
      if (step === 'prepare') {
        this.#frozenAt[worker] = this.#simulation.now;
        const work = prepareSeconds(this.#tree, this.#costs) + this.#costs.clientReply;
        if (this.#sharedCores === undefined) this.#simulation.after(work, answer);
        else this.#sharedCores.serve(work, answer);
        return;
      }
      const downtime = this.#simulation.now - this.#frozenAt[worker]!;
      this.#downtimes += downtime;
      this.#longest = Math.max(this.#longest, downtime);
      this.#simulation.after(this.#costs.clientReply, answer);
    });
  }
}
