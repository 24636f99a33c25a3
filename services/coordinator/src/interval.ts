/** The longest that a timer of Node waits; for more it would not wait at all. */
const LONGEST_MS = 2 ** 31 - 1;

/** Does something again and again, however long the time between is. What could not be done in time is left out. */
export class Interval {
  readonly #everyMs: number;
  readonly #fire: () => void;
  /** When the next time is, by performance.now(). */
  #due: number;
  #timer: NodeJS.Timeout;

  constructor(firstMs: number, everyMs: number, fire: () => void) {
    this.#everyMs = everyMs;
    this.#fire = fire;
    this.#due = performance.now() + firstMs;
    this.#timer = this.#wait();
  }

  nextRun(): Date {
    return new Date(Date.now() + Math.max(0, this.#due - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    const left = Math.max(0, this.#due - performance.now());
    return setTimeout(() => this.#wake(), Math.min(left, LONGEST_MS));
  }

  #wake(): void {
    const now = performance.now();
    const late = now - this.#due;
    if (late >= 0) this.#due += this.#everyMs * (1 + Math.floor(late / this.#everyMs));
    this.#timer = this.#wait();
    if (late >= 0) this.#fire();
  }
}
