import { CkptError } from '@ckptree/errors';
import { contentHash, hexId, type ObjectDraft } from '@ckptree/store';
import type { CreationReply } from './creation.js';

/** One object that comes in pieces. They are written in order; a piece that comes too early is refused, and sent again. */
export class Upload {
  readonly name: string;
  readonly size: number;
  /** What finish() does, once it was asked for; asking again gives the same answer. */
  finishing: Promise<CreationReply> | undefined;
  readonly #draft: ObjectDraft;
  readonly #hash = contentHash().begin();
  /** By the monotonic clock. */
  #lastUsed = performance.now();
  /** Bytes that were taken, written or not. */
  #taken = 0;
  #underWay = 0;
  /** The write that was begun last. Every write waits for the one before it. */
  #writing: Promise<void> = Promise.resolve();

  constructor(name: string, size: number, draft: ObjectDraft) {
    this.name = name;
    this.size = size;
    this.#draft = draft;
  }

  /** For so long nothing was heard of it, milliseconds. */
  get idleMs(): number {
    return this.#underWay > 0 || this.finishing !== undefined ? 0 : performance.now() - this.#lastUsed;
  }

  /**
   * Whether a piece brings something new. Must be followed by write() at once, so that pieces stay in order.
   * @throws EBUSY a piece before it is missing; EINVAL it does not fit
   */
  takes(position: number, length: number): boolean {
    this.#lastUsed = performance.now();
    const end = position + length;
    if (length === 0 || end > this.size)
      throw new CkptError('EINVAL', `bytes ${position} to ${end} are no part of ${this.size} bytes`, {
        field: '/position',
      });
    if (end <= this.#taken) return false; // sent again: the answer was lost
    if (position === this.#taken) return true;
    throw new CkptError(
      position > this.#taken ? 'EBUSY' : 'EINVAL',
      `the next byte of ${this.name} is ${this.#taken}, not ${position}`,
      { field: '/position' },
    );
  }

  /** Appends a piece that it takes. */
  write(bytes: Uint8Array): Promise<void> {
    this.#taken += bytes.length;
    this.#underWay++;
    this.#writing = this.#writing
      .then(async () => {
        this.#hash.update(bytes);
        await this.#draft.write(bytes);
      })
      .finally(() => {
        this.#underWay--;
        this.#lastUsed = performance.now();
      });
    return this.#writing;
  }

  /** What was taken so far is written. */
  written(): Promise<void> {
    return this.#writing;
  }

  /**
   * All bytes are here, and they are the ones that were sent.
   * @throws EINVAL some are missing; EIO their hash is another one
   */
  async complete(hash: string): Promise<ObjectDraft> {
    await this.#writing;
    if (this.#taken !== this.size)
      throw new CkptError('EINVAL', `${this.name} has ${this.#taken} of its ${this.size} bytes`);
    if (hexId(this.#hash.digest()) !== hash)
      throw new CkptError('EIO', `the bytes of ${this.name} that arrived have another hash than was said`);
    return this.#draft;
  }

  /** Gives back the draft, once nobody writes to it any more. */
  async close(): Promise<void> {
    await this.#writing.catch(() => undefined); // whoever sent the piece was told
    await this.#draft.close();
  }
}
