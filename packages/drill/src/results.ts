import type { EndList, StartedTree } from '@ckptree/client';
import type { DrillRecord } from './record.js';

type Ends = EndList['ends'];

/** How the tasks of one user's tree end when nothing disturbs them; the same must come of every one that is started later. */
export class Results {
  readonly #undisturbed: ReadonlyMap<number, Ends[number]>;
  readonly #record: DrillRecord;

  constructor(undisturbed: Ends, record: DrillRecord) {
    this.#undisturbed = new Map(undisturbed.map((end) => [end.pid, end]));
    this.#record = record;
  }

  /** @param whole the tree was started from the beginning: then none of its tasks may be missing */
  check({ tree }: Pick<StartedTree, 'tree'>, ends: Ends, whole: boolean): void {
    for (const { pid, exitCode, digest } of ends) {
      const expected = this.#undisturbed.get(pid);
      if (expected?.exitCode !== exitCode || expected.digest !== digest)
        this.#record.violation(
          `task ${pid} of ${tree} ended with ${exitCode}, ${digest} and not ${expected?.exitCode}, ${expected?.digest}`,
        );
    }
    if (whole && ends.length !== this.#undisturbed.size)
      this.#record.violation(`of ${tree} ${ends.length} tasks ended and not ${this.#undisturbed.size}`);
  }
}
