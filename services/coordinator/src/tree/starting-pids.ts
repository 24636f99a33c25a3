/** Pids that were taken for a tree, until its tasks are there, or will not be. */
export interface TakenPids {
  release(): void;
}

/**
 * Pids of trees that are being started: no worker tells of their tasks yet. Who looks which pids are taken does so alone, and takes
 * its own at once, so that no two trees get the same.
 */
export class StartingPids {
  readonly #starting = new Set<number>();
  /** Resolves when whoever came last has taken its pids. */
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param choose told which pids are taken beside those of tasks that are there @returns what it chose, and its pids
   * @throws what `choose` throws; then nothing is taken
   */
  take<Chosen>(
    choose: (
      starting: ReadonlySet<number>,
    ) => Promise<{ readonly chosen: Chosen; readonly pids: Iterable<number> }>,
  ): Promise<TakenPids & { readonly chosen: Chosen }> {
    const turn = this.#last.then(async () => {
      // As it was before it looks: what is started meanwhile may not be among the tasks that it sees.
      const { chosen, pids } = await choose(new Set(this.#starting));
      const own = [...pids];
      for (const pid of own) this.#starting.add(pid);
      const release = (): void => {
        for (const pid of own) this.#starting.delete(pid);
      };
      return { chosen, release };
    });
    this.#last = turn.catch(() => undefined); // told to whoever asked for it
    return turn;
  }
}
