/** Runs asynchronous sections one after the other, in the order in which they were asked for. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(section: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(section);
    // The next section waits for this one, and does not care how it ended; whoever asked for it does.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
