import { CkptError } from '@ckptree/errors';

/** Bytes that may be held in memory at once, all requests together. */
export class ByteBudget {
  readonly limit: number;
  #used = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Does something while it holds so many bytes.
   * @throws EBUSY there is no room for them now: nothing is kept, ask again
   */
  async hold<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#used + bytes > this.limit)
      throw new CkptError('EBUSY', `this service holds ${this.#used} bytes already; send them again later`);
    this.#used += bytes;
    try {
      return await work();
    } finally {
      this.#used -= bytes;
    }
  }
}
