import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions, Mm, SnapshotSource, TaskTree } from '@ckptree/model';

/** A source of one tree that was made by hand. It remembers what was done to it. */
export class HandMadeSource implements SnapshotSource {
  readonly tree: TaskTree;
  readonly #held: Set<Mm>[] = [];
  cuts = 0;
  frozen = false;

  constructor(tree: TaskTree) {
    this.tree = tree;
  }

  /** Snapshots of address spaces that were not given back. */
  get held(): number {
    return this.#held.reduce((sum, { size }) => sum + size, 0);
  }

  async cut(rootPid: number, { leaveFrozen = false }: CutOptions = {}): Promise<Cut> {
    if (rootPid !== this.tree.rootPid)
      throw new CkptError('ESRCH', `there is no task ${rootPid}`, { pid: rootPid });
    this.cuts++;
    this.frozen = leaveFrozen;
    const held = new Set(this.tree.tasks.flatMap(({ mm }) => mm ?? []));
    this.#held.push(held);
    return {
      tree: this.tree,
      timing: { freezeUs: 1, snapshotUs: 2, ...(leaveFrozen ? {} : { downtimeUs: 3 }) },
      thaw: async () => {
        this.frozen = false;
      },
      releaseMm: (mm) => {
        if (!held.delete(mm)) throw new CkptError('EINVAL', 'this snapshot was given back before');
      },
      release: () => held.clear(),
    };
  }
}
