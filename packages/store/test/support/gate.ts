/** Holds up who comes while it is closed. */
export class Gate {
  /** How many it still holds up. */
  #holds = 0;
  #opened: Promise<void> | undefined;
  open = (): void => undefined;
  #reach = (): void => undefined;
  /** Somebody waits. */
  readonly reached = new Promise<void>((resolve) => {
    this.#reach = resolve;
  });

  /** @param holds how many it holds up; others pass */
  close(holds = Number.POSITIVE_INFINITY): void {
    this.#holds = holds;
    this.#opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  async pass(): Promise<void> {
    if (this.#opened === undefined || this.#holds-- <= 0) return;
    this.#reach();
    await this.#opened;
  }
}
