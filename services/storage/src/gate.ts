import { CkptError } from '@ckptree/errors';

/** Lets so many in at once, and so many wait; who comes when all places are taken is told to come again. */
export class Gate {
  readonly #what: string;
  readonly #waiting: (() => void)[] = [];
  readonly #queue: number;
  #free: number;

  /** @param what for messages: `reads`. @param places at once. @param queue that may wait */
  constructor(what: string, places: number, queue: number) {
    this.#what = what;
    this.#free = places;
    this.#queue = queue;
  }

  /** @throws EBUSY too many wait already */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else if (this.#waiting.length < this.#queue)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else throw new CkptError('EBUSY', `there are too many ${this.#what} at once; try again`);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
