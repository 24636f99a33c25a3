import FlatQueue from 'flatqueue';
import type { Simulation } from './simulation.js';

/** What a station did. Times in seconds. */
export interface StationFigures {
  readonly served: number;
  readonly busy: number;
  readonly waited: number;
  readonly longestWait: number;
}

/**
 * Serves jobs first come, first served, with one server or several alike: a core, an event loop, a disk. As service times are
 * known on arrival, so is the departure: one event for each job is enough.
 */
export class Station {
  readonly #simulation: Simulation;
  /** When each server is free. */
  readonly #free = new FlatQueue<undefined>();
  #served = 0;
  #busy = 0;
  #waited = 0;
  #longestWait = 0;

  constructor(simulation: Simulation, servers = 1) {
    this.#simulation = simulation;
    for (let server = 0; server < servers; server++) this.#free.push(undefined, 0);
  }

  /** @returns when it will be done */
  serve(seconds: number, done?: () => void): number {
    const { now } = this.#simulation;
    const start = Math.max(now, this.#free.peekValue()!);
    const end = start + seconds;
    this.#free.pop();
    this.#free.push(undefined, end);
    this.#served++;
    this.#busy += seconds;
    this.#waited += start - now;
    this.#longestWait = Math.max(this.#longestWait, start - now);
    if (done !== undefined) this.#simulation.after(end - now, done);
    return end;
  }

  /** When a job that came now could begin. */
  get freeAt(): number {
    return Math.max(this.#simulation.now, this.#free.peekValue()!);
  }

  get figures(): StationFigures {
    return {
      served: this.#served,
      busy: this.#busy,
      waited: this.#waited,
      longestWait: this.#longestWait,
    };
  }
}
