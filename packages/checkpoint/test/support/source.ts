import { CkptError } from '@ckptree/errors';
import type { Cut, CutOptions, Mm, SnapshotSource, TaskTree } from '@ckptree/model';

/** A source of one tree that was made by hand. It remembers what was done to it. */
export class HandMadeSource implements SnapshotSource {
  readonly tree: TaskTree;
  /** Address spaces whose snapshot is not given back. */
  readonly held = new Set<Mm>();
  cuts = 0;
  frozen = false;

  constructor(tree: TaskTree) {
    this.tree = tree;
  }

  async cut(rootPid: number, { leaveFrozen = false }: CutOptions = {}): Promise<Cut> {
    if (rootPid !== this.tree.rootPid)
      throw new CkptError('ESRCH', `there is no task ${rootPid}`, { pid: rootPid });
    this.cuts++;
    this.frozen = leaveFrozen;
    for (const { mm } of this.tree.tasks) if (mm !== undefined) this.held.add(mm);
    return {
      tree: this.tree,
      timing: { freezeUs: 1, snapshotUs: 2, ...(leaveFrozen ? {} : { downtimeUs: 3 }) },
      thaw: async () => {
        this.frozen = false;
      },
      releaseMm: (mm) => {
        if (!this.held.delete(mm)) throw new CkptError('EINVAL', 'this snapshot was given back before');
      },
      release: () => this.held.clear(),
    };
  }
}
