import type { Random } from '../engine/random.js';
import { Samples } from '../engine/samples.js';
import { SharedServer } from '../engine/shared-server.js';
import { Simulation } from '../engine/simulation.js';

/** Many trees that are checkpointed at the same interval, over storage that all of them share. */
export interface Schedule {
  readonly trees: number;
  /** Seconds. */
  readonly interval: number;
  /** Intervals that are simulated. */
  readonly rounds: number;
  /** `together`: all at the full interval, as by cron; `spread`: each at a time of its own. */
  readonly start: 'together' | 'spread';
  /**
   * Trees that dump at once at most; the others wait before their cut, running. Without it every tree is cut when its
   * time has come, and its snapshot waits for storage.
   */
  readonly admitted?: number;
  /** Seconds that all of storage would work for one tree. */
  readonly work: number;
  /** Share of all storage that one tree's workers can keep busy. */
  readonly mostForEach: number;
}

/** Seconds. */
export interface ScheduleFigures {
  /** From the time that was planned until the checkpoint was durable. */
  readonly durableMedian: number;
  readonly durableLast: number;
  /** How long a snapshot was held: while it is, every first write to a page copies it. */
  readonly heldMedian: number;
  readonly heldLast: number;
  /** Snapshots held at once, at most. */
  readonly snapshots: number;
}

export function simulateSchedule(schedule: Schedule, random: Random): ScheduleFigures {
  const { trees, interval, rounds, start, work } = schedule;
  const simulation = new Simulation();
  // Storage serves trees in turn, piece by piece, so all that dump share it alike.
  const storage = new SharedServer(simulation, schedule.mostForEach);
  const gate = new Gate(schedule.admitted ?? Number.POSITIVE_INFINITY);
  const durable = new Samples();
  const held = new Samples();
  let now = 0;
  let most = 0;
  const checkpoint = () => {
    const planned = simulation.now;
    gate.enter(() => {
      const cut = simulation.now;
      most = Math.max(most, ++now);
      storage.work(work, () => {
        now--;
        durable.add(simulation.now - planned);
        held.add(simulation.now - cut);
        gate.leave();
      });
    });
  };
  for (let tree = 0; tree < trees; tree++) {
    const phase = start === 'together' ? 0 : random.uniform() * interval;
    for (let round = 0; round < rounds; round++) simulation.after(round * interval + phase, checkpoint);
  }
  simulation.run();
  return {
    durableMedian: durable.median,
    durableLast: durable.max,
    heldMedian: held.median,
    heldLast: held.max,
    snapshots: most,
  };
}

/** Lets so many in at once, in the order in which they came. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  #next = 0;
  #inside = 0;
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  enter(action: () => void): void {
    if (this.#inside >= this.#most) {
      this.#waiting.push(action);
      return;
    }
    this.#inside++;
    action();
  }

  leave(): void {
    const next = this.#waiting[this.#next];
    if (next === undefined) {
      this.#inside--;
      return;
    }
    this.#next++;
    next();
  }
}
