import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import type { Records, TreeRecord } from '@ckptree/protocol';

/** Trees that have ended are remembered for so long. */
const REMEMBERED_MS = 24 * 3_600_000;

/** `t-` and 48 random bits. */
export const newTreeId = (): string => `t-${randomBytes(6).toString('hex')}`;

/** The trees of the cluster, as their records say. Only the leader changes them; it has them all in mind. */
export class Trees {
  readonly #records: Records['trees'];
  readonly #trees = new Map<string, TreeRecord>();
  /** By tree: resolves when the last change that was asked for is done, or has failed. */
  readonly #changing = new Map<string, Promise<void>>();
  /** Ids of those that somebody began to start, and that are to be undone: who did it has died, or could not undo it. */
  readonly halfStarted = new Set<string>();

  private constructor(records: Records['trees']) {
    this.#records = records;
  }

  /** @throws EINTR `signal` */
  static async load(records: Records['trees'], signal?: AbortSignal): Promise<Trees> {
    const trees = new Trees(records);
    for (const { key, value } of await records.list(signal)) {
      trees.#trees.set(key, value);
      if (value.state === 'starting') trees.halfStarted.add(key);
    }
    await trees.forgetOld();
    return trees;
  }

  get all(): readonly TreeRecord[] {
    return [...this.#trees.values()];
  }

  /** Those that run, or are about to. */
  get unended(): readonly TreeRecord[] {
    return this.all.filter(({ state }) => state !== 'ended');
  }

  /** Those that have not ended. */
  get running(): readonly TreeRecord[] {
    return this.all.filter(({ state }) => state === 'running');
  }

  /** Those that have a part on a worker, as far as is known: it was not lost. */
  on(worker: string): readonly TreeRecord[] {
    return this.unended.filter(({ workers, lost }) => workers.includes(worker) && !lost?.includes(worker));
  }

  /**
   * The tree that runs and has this root. One that was restarted has the root of the one before, which may not be known yet to have
   * ended.
   */
  withRoot(pid: number): TreeRecord | undefined {
    return this.running
      .filter(({ rootPid }) => rootPid === pid)
      .reduce<TreeRecord | undefined>(
        (last, tree) => (last === undefined || tree.created >= last.created ? tree : last),
        undefined,
      );
  }

  /** @throws ESRCH there is no such tree */
  get(tree: string): TreeRecord {
    const record = this.#trees.get(tree);
    if (record === undefined) throw new CkptError('ESRCH', `there is no tree ${tree}`);
    return record;
  }

  find(tree: string): TreeRecord | undefined {
    return this.#trees.get(tree);
  }

  async put(record: TreeRecord): Promise<void> {
    await this.#records.put(record.tree, record);
    this.#trees.set(record.tree, record);
  }

  /** Changes what is known of a tree, each change behind the one before; one that was removed meanwhile is left as it is. */
  change(tree: string, changed: (record: TreeRecord) => TreeRecord): Promise<void> {
    return this.#inTurn(tree, async () => {
      const known = this.find(tree);
      if (known !== undefined) await this.put(changed(known));
    });
  }

  /** Forgets trees that ended long ago. */
  async forgetOld(): Promise<void> {
    const oldest = new Date(Date.now() - REMEMBERED_MS).toISOString();
    for (const { tree, ended } of this.all)
      if (ended !== undefined && ended < oldest) await this.#inTurn(tree, () => this.#forget(tree));
  }

  /** A tree that never ran has no record; but a worker that was lost, and may come back with its part, is to find out. */
  remove(tree: string): Promise<void> {
    return this.#inTurn(tree, async () => {
      const { key: _, ...record } = this.get(tree);
      if ((record.lost ?? []).length > 0) await this.put(ended(record));
      else await this.#forget(tree);
      this.halfStarted.delete(tree);
    });
  }

  async #forget(tree: string): Promise<void> {
    await this.#records.delete(tree);
    this.#trees.delete(tree);
  }

  #inTurn(tree: string, work: () => Promise<void>): Promise<void> {
    const turn = (this.#changing.get(tree) ?? Promise.resolve()).then(work);
    const settled = turn
      .catch(() => undefined) // told to whoever asked for it
      .then(() => {
        if (this.#changing.get(tree) === settled) this.#changing.delete(tree);
      });
    this.#changing.set(tree, settled);
    return turn;
  }
}

export const ended = (record: TreeRecord): TreeRecord => ({
  ...record,
  state: 'ended',
  ended: new Date().toISOString(),
});
