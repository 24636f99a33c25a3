import { CkptError } from '@ckptree/errors';
import { type CheckpointRecord, isTerminal, type Records } from '@ckptree/protocol';

export type RecordChange = Partial<Omit<CheckpointRecord, 'version' | 'checkpoint' | 'request' | 'created'>>;

/**
 * The record of one checkpoint, changed by compare-and-set alone. Whoever changed it last owns it: when another leader took
 * it over, or somebody cancelled it, the next change fails, and so does the work.
 */
export class RecordKeeper {
  readonly #bucket: Records['checkpoints'];
  #record: CheckpointRecord;
  #revision: number;
  /** Resolves when the last change was made, or was not. */
  #last: Promise<void> = Promise.resolve();

  constructor(bucket: Records['checkpoints'], record: CheckpointRecord, revision: number) {
    this.#bucket = bucket;
    this.#record = record;
    this.#revision = revision;
  }

  get record(): CheckpointRecord {
    return this.#record;
  }

  get isOver(): boolean {
    return isTerminal(this.#record.state);
  }

  /**
   * One change after the other: a step and a cancellation that are made at the same time must not both think that they
   * lost to somebody else.
   * @throws EPERM it is over, or somebody else has changed it: it is not ours any more
   */
  change(change: RecordChange): Promise<void> {
    return this.#inTurn(() => this.#change(change));
  }

  /** Gives it up, unless it is too late for that: it is over, or its manifest may be there. @throws EPERM as change() */
  cancel(): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.isOver && this.#record.state !== 'committing') await this.#change({ state: 'cancelled' });
    });
  }

  /**
   * Reads it anew: a change of which nothing was heard may have been made, or not.
   * @throws EPERM it is not ours any more; as Bucket.get()
   */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const { checkpoint, term, owner } = this.#record;
      const entry = await this.#bucket.get(checkpoint);
      if (entry === undefined || entry.value.term !== term || entry.value.owner !== owner)
        throw new CkptError('EPERM', `checkpoint ${checkpoint} was taken over by another coordinator`);
      this.#record = entry.value;
      this.#revision = entry.revision;
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined); // told to whoever asked for it
    return turn;
  }

  async #change(change: RecordChange): Promise<void> {
    const { checkpoint, state } = this.#record;
    if (this.isOver && change.state !== undefined)
      throw new CkptError('EPERM', `checkpoint ${checkpoint} is ${state} already`);
    const next = { ...this.#record, ...change, updated: new Date().toISOString() };
    const revision = await this.#bucket.update(checkpoint, next, this.#revision);
    if (revision === undefined)
      throw new CkptError('EPERM', `checkpoint ${checkpoint} was taken over by another coordinator`);
    this.#record = next;
    this.#revision = revision;
  }
}
