interface Choice<Chosen> {
  readonly chosen: Chosen;
  readonly pids: Iterable<number>;
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
   * @param start  has them until it has ended: its tasks are there then, or will not be
   * @throws what `choose` throws, and then nothing is taken; what `start` throws
   */
  async during<Chosen, Started>(
    choose: (starting: ReadonlySet<number>) => Promise<Choice<Chosen>>,
    start: (chosen: Chosen) => Promise<Started>,
  ): Promise<Started> {
    const { chosen, own } = await this.#take(choose);
    try {
      return await start(chosen);
    } finally {
      for (const pid of own) this.#starting.delete(pid);
    }
  }

  #take<Chosen>(
    choose: (starting: ReadonlySet<number>) => Promise<Choice<Chosen>>,
  ): Promise<{ readonly chosen: Chosen; readonly own: readonly number[] }> {
    const turn = this.#last.then(async () => {
      // As it was before it looks: what is started meanwhile may not be among the tasks that it sees.
      const { chosen, pids } = await choose(new Set(this.#starting));
      const own = [...pids];
      for (const pid of own) this.#starting.add(pid);
      return { chosen, own };
    });
    this.#last = turn.catch(() => undefined); // told to whoever asked for it
    return turn;
  }
}
