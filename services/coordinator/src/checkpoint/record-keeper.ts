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

  /** @throws EPERM somebody else has changed it: it is not ours any more */
  async change(change: RecordChange): Promise<void> {
    const next = { ...this.#record, ...change, updated: new Date().toISOString() };
    const revision = await this.#bucket.update(next.checkpoint, next, this.#revision);
    if (revision === undefined)
      throw new CkptError(
        'EPERM',
        `checkpoint ${next.checkpoint} was taken over by another coordinator, or cancelled`,
      );
    this.#record = next;
    this.#revision = revision;
  }
}
