import { CkptError } from '@ckptree/errors';
import FlatQueue from 'flatqueue';

/** More events than any table needs: an endless one is a mistake in a model, and must not hang who runs it. */
const EVENTS_LIMIT = 200_000_000;

/**
 * A clock and the actions that are still to come. Time is in seconds and moves from action to action. Actions of the same
 * instant come in an order that is always the same, but not one to rely on.
 */
export class Simulation {
  readonly #queue = new FlatQueue<() => void>();
  #now = 0;
  #events = 0;

  get now(): number {
    return this.#now;
  }

  /** Actions so far. */
  get events(): number {
    return this.#events;
  }

  /** @throws EINVAL the delay is negative or no number */
  after(delay: number, action: () => void): void {
    if (!(delay >= 0)) throw new CkptError('EINVAL', `an action cannot come after ${delay} s`);
    this.#queue.push(action, this.#now + delay);
  }

  /** Runs until nothing is left to come, or until that time; what is later stays. */
  run(until = Number.POSITIVE_INFINITY): void {
    for (let next = this.#queue.peekValue(); next !== undefined && next <= until; ) {
      const action = this.#queue.pop()!;
      this.#now = next;
      if (++this.#events > EVENTS_LIMIT)
        throw new CkptError('E2BIG', `the simulation did not end within ${EVENTS_LIMIT} events`);
      action();
      next = this.#queue.peekValue();
    }
    if (Number.isFinite(until)) this.#now = Math.max(this.#now, until);
  }
}
