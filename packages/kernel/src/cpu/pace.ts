/** What a cpu may be ahead of its rate, or make up for when it is late. */
const SLACK_MS = 10;
/** Less is not worth a sleep. */
const SHORTEST_REST_MS = 1;

/** How fast a cpu goes: it executes some ticks at once, and rests until the time has come for the next ones. */
export class Pace {
  readonly #msPerTick: number;
  readonly #now: () => number;
  /** When the next tick is due. */
  #dueMs: number;

  /** @param ticksPerSecond absent: as many as the host can @param now milliseconds of a clock that never goes back */
  constructor(ticksPerSecond?: number, now: () => number = () => performance.now()) {
    this.#msPerTick = ticksPerSecond === undefined ? 0 : 1_000 / ticksPerSecond;
    this.#now = now;
    this.#dueMs = now();
  }

  get isLimited(): boolean {
    return this.#msPerTick > 0;
  }

  /** How many ticks may be executed at once, at least one and at most `most`: what it may be ahead by. */
  quantum(most: number): number {
    return this.#msPerTick * most <= SLACK_MS ? most : Math.max(1, Math.floor(SLACK_MS / this.#msPerTick));
  }

  /** So many ticks were executed. */
  spend(ticks: number): void {
    if (this.isLimited) this.#dueMs = Math.max(this.#dueMs, this.#now() - SLACK_MS) + ticks * this.#msPerTick;
  }

  /** How long the next tick must wait; 0 when it may come now. */
  get restMs(): number {
    if (!this.isLimited) return 0;
    const rest = this.#dueMs - this.#now();
    return rest < SHORTEST_REST_MS ? 0 : rest;
  }
}
