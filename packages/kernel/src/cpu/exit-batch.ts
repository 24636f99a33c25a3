import type { TaskExit } from './messages.js';

/** Ends are told of when there are so many, or when the first of them is so old. */
const MOST = 64;
const DELAY_MS = 5;

/** Ends of tasks that are still to be told of, together: one message for each would cost more than many tasks do. */
export class ExitBatch {
  readonly #tell: (exits: readonly TaskExit[]) => void;
  #exits: TaskExit[] = [];
  #firstAt = 0;

  constructor(tell: (exits: readonly TaskExit[]) => void) {
    this.#tell = tell;
  }

  add(exit: TaskExit): void {
    if (this.#exits.length === 0) this.#firstAt = performance.now();
    this.#exits.push(exit);
  }

  /** Tells of them if it is time to. */
  tellWhenDue(): void {
    if (this.#exits.length === 0) return;
    if (this.#exits.length >= MOST || performance.now() - this.#firstAt > DELAY_MS) this.tell();
  }

  /** Tells of all there are. */
  tell(): void {
    if (this.#exits.length === 0) return;
    this.#tell(this.#exits);
    this.#exits = [];
  }
}
