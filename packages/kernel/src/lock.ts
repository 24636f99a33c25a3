import { CkptError } from '@ckptree/errors';

const FREE = 0;
const HELD = 1;
const CONTENDED = 2;

/** A holder does microseconds of work; if it keeps the lock so long, its thread is gone. */
const PATIENCE_MS = 10_000;

/**
 * A mutual exclusion lock in one word of shared memory, for sections of some microseconds. A thread that waits sleeps
 * in the operating system; the uncontended path is one compare-and-swap.
 */
export class Lock {
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  /** Runs `section` with the lock held. Not recursive. @throws ETIMEDOUT when the holder has died */
  hold<Result>(section: () => Result): Result {
    this.#acquire();
    try {
      return section();
    } finally {
      this.#release();
    }
  }

  #acquire(): void {
    // Taking the lock must come before all that it guards: compareExchange is sequentially consistent.
    if (Atomics.compareExchange(this.#words, this.#index, FREE, HELD) === FREE) return;
    const deadline = Date.now() + PATIENCE_MS;
    // Whoever gets it from here on marks it contended, because others may sleep on it still.
    while (Atomics.exchange(this.#words, this.#index, CONTENDED) !== FREE) {
      Atomics.wait(this.#words, this.#index, CONTENDED, 100);
      if (Date.now() > deadline)
        throw new CkptError('ETIMEDOUT', 'a kernel lock was never released: a thread died with it');
    }
  }

  #release(): void {
    if (Atomics.exchange(this.#words, this.#index, FREE) === CONTENDED)
      Atomics.notify(this.#words, this.#index, 1);
  }
}
