import FlatQueue from 'flatqueue';
import type { Simulation } from './simulation.js';

/**
 * Works for all jobs at once, with an equal share of itself for each: a disk or a link that many streams use. In terms of
 * attained service (how much a job has got that was there from the start) jobs end in an order that is known when they come.
 */
export class SharedServer {
  readonly #simulation: Simulation;
  /** By the attained service at which each is done. */
  readonly #jobs = new FlatQueue<() => void>();
  #attained = 0;
  #since = 0;
  /** An end that was announced before something changed comes too early, and is no longer one. */
  #announcement = 0;

  readonly #mostForEach: number;

  /** @param mostForEach share of the server that one job can use: it comes no faster */
  constructor(simulation: Simulation, mostForEach = 1) {
    this.#simulation = simulation;
    this.#mostForEach = mostForEach;
  }

  /** @param seconds that the job takes with the whole server for it */
  work(seconds: number, done: () => void): void {
    this.#advance();
    this.#jobs.push(done, this.#attained + seconds);
    this.#announce();
  }

  /** Of the server, for each job. */
  get #share(): number {
    return Math.min(this.#mostForEach, 1 / this.#jobs.length);
  }

  #advance(): void {
    const { now } = this.#simulation;
    if (this.#jobs.length > 0) this.#attained += (now - this.#since) * this.#share;
    this.#since = now;
  }

  #announce(): void {
    const end = this.#jobs.peekValue();
    if (end === undefined) return;
    const announcement = ++this.#announcement;
    const delay = Math.max(0, end - this.#attained) / this.#share;
    this.#simulation.after(delay, () => {
      if (announcement === this.#announcement) this.#finish(end);
    });
  }

  #finish(end: number): void {
    this.#advance();
    this.#attained = end;
    const done = this.#jobs.pop()!;
    this.#announce();
    done();
  }
}
