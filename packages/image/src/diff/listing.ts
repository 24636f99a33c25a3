/** Entries of a report of what differs: hostile images differ in millions of places. */
export const MOST_LISTED = 10_000;

/** Says what of a report is listed; the rest is counted. */
export class Listing {
  #left = MOST_LISTED;
  #more = 0;

  /** How many entries were not listed. */
  get more(): number {
    return this.#more;
  }

  /** Of these entries the ones that are listed. */
  some<Entry>(entries: readonly Entry[]): Entry[] {
    const listed = entries.slice(0, this.#left);
    this.#left -= listed.length;
    this.#more += entries.length - listed.length;
    return listed;
  }

  /** Whether something is listed that is as long as so many entries. */
  takes(entries: number): boolean {
    if (this.#left === 0) {
      this.#more += entries;
      return false;
    }
    this.#left = Math.max(0, this.#left - entries);
    return true;
  }
}
