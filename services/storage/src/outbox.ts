/** Answers are handed to the connection at once, and leave when the network takes them. This holds up who makes more. */
export class Outbox {
  readonly #limit: number;
  readonly #flush: () => Promise<void>;
  /** Bytes that may not have left yet. */
  #unsent = 0;
  #flushing: Promise<void> | undefined;

  /** @param limit bytes. @param flush resolves when all that was answered before has left */
  constructor(limit: number, flush: () => Promise<void>) {
    this.#limit = limit;
    this.#flush = flush;
  }

  /** Waits for room, and takes so many bytes of it. */
  async take(bytes: number): Promise<void> {
    while (this.#unsent >= this.#limit) {
      this.#flushing ??= this.#makeRoom();
      await this.#flushing;
    }
    this.#unsent += bytes;
  }

  async #makeRoom(): Promise<void> {
    const leaving = this.#unsent;
    try {
      await this.#flush();
    } finally {
      this.#unsent -= leaving;
      this.#flushing = undefined;
    }
  }
}
