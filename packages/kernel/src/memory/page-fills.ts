import type { CkptError } from '@ckptree/errors';

/** Contents that are being brought into frames whose tasks run already. */
export interface PageFill {
  /** Resolves when no more will come; rejects when some could not be had, and their frames are poisoned. */
  readonly done: Promise<void>;
  /** Poisons what is not there yet. Resolves when nobody writes to frames any more. */
  stop(reason: CkptError): Promise<void>;
  /** Gives back poisoned frames that no task has any more. @returns whether there may be more to give back later */
  reclaim(): boolean;
}

/** The fills of a kernel. */
export class PageFills {
  readonly #fills = new Set<PageFill>();

  add(fill: PageFill): void {
    this.#fills.add(fill);
    fill.done.then(
      () => this.#fills.delete(fill),
      () => this.reclaim(), // whoever began it is told; its poisoned frames are still to be given back
    );
  }

  /** Resolves when all that are under way have come to their end, good or bad. */
  async over(): Promise<void> {
    await Promise.allSettled([...this.#fills].map(({ done }) => done));
  }

  /** Tasks have ended: gives back what only they could have touched. */
  reclaim(): void {
    for (const fill of this.#fills) if (!fill.reclaim()) this.#fills.delete(fill);
  }

  async stop(reason: CkptError): Promise<void> {
    await Promise.all([...this.#fills].map((fill) => fill.stop(reason)));
  }
}
