import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import type { ByteBudget } from './byte-budget.js';
import { type CreationComponents, type CreationReply, type CreationRequest, create } from './creation.js';
import { Upload } from './upload.js';

export interface UploadLimits {
  /** Under way at once. */
  readonly uploads: number;
  /** An upload of which nothing is heard for so long is given up. */
  readonly idleMs: number;
  readonly pieceBytes: number;
}

/** Pieces of one upload that may be under way: enough that none of disk, network and sender waits for another. */
const MOST_CREDITS = 8;
/** Uploads that are done, and whose answer may be asked for once more. */
const REMEMBERED = 256;

/** The uploads that this instance has under way. */
export class UploadTable {
  readonly #components: CreationComponents;
  readonly #budget: ByteBudget;
  readonly #limits: UploadLimits;
  readonly #uploads = new Map<string, Upload>();
  /** Oldest first. */
  readonly #done = new Map<string, Promise<CreationReply>>();
  readonly #timer: NodeJS.Timeout;
  /** Uploads that are being made, and are in no table yet. */
  #beginning = 0;

  constructor(components: CreationComponents, budget: ByteBudget, limits: UploadLimits) {
    this.#components = components;
    this.#budget = budget;
    this.#limits = limits;
    this.#timer = setInterval(() => this.giveUpIdle(limits.idleMs), Math.max(10, limits.idleMs / 4)).unref();
  }

  get size(): number {
    return this.#uploads.size;
  }

  /** Bytes of objects that are not durable yet, as far as they are to come. */
  get bytes(): number {
    return [...this.#uploads.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** @throws EBUSY there are too many; EPERM, E2BIG no such object is taken; ENOSPC */
  async begin(name: string, size: number): Promise<{ readonly upload: string; readonly credits: number }> {
    if (this.#uploads.size + this.#beginning >= this.#limits.uploads)
      throw new CkptError('EBUSY', `${this.#uploads.size} uploads are under way; try again`);
    this.#components.admission.name(name, size);
    this.#beginning++;
    try {
      const id = randomBytes(8).toString('hex');
      this.#uploads.set(id, new Upload(name, size, await this.#components.folder.draft(name)));
      return { upload: id, credits: this.#credits() };
    } finally {
      this.#beginning--;
    }
  }

  /** @throws ENOENT no such upload; EBUSY no room, or a piece before it is missing: send it again; EINVAL; ENOSPC */
  async piece(id: string, position: number, bytes: Uint8Array): Promise<{ readonly credits: number }> {
    const upload = this.#find(id);
    try {
      if (upload.takes(position, bytes.length))
        await this.#budget.hold(bytes.length, () => upload.write(bytes));
      else await upload.written();
    } catch (error) {
      if ((error as CkptError).code !== 'EBUSY') await this.drop(id);
      throw error;
    }
    this.#components.observer.received(bytes.length);
    return { credits: this.#credits() };
  }

  /** When it resolves, the object is durable. */
  finish(id: string, hash: string, creation: Omit<CreationRequest, 'name'>): Promise<CreationReply> {
    const done = this.#done.get(id);
    if (done !== undefined) return done;
    const upload = this.#find(id);
    upload.finishing ??= this.#finish(id, upload, hash, creation);
    return upload.finishing;
  }

  async drop(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    // One that is being finished is not stopped any more; whoever drops it does not care.
    if (upload === undefined || upload.finishing !== undefined) return;
    this.#uploads.delete(id);
    await upload.close();
  }

  /** Gives up those of which nothing has been heard for so long: their senders are gone, or begin anew. */
  giveUpIdle(limitMs: number): void {
    // What cannot be closed goes when the store cleans up.
    for (const [id, { idleMs }] of this.#uploads) if (idleMs > limitMs) this.drop(id).catch(() => undefined);
  }

  /** Gives up all that are not being finished, and waits for those. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const finishing = [...this.#uploads.values()].map((upload) => upload.finishing);
    await Promise.all([...this.#uploads.keys()].map((id) => this.drop(id)));
    await Promise.allSettled(finishing);
  }

  async #finish(
    id: string,
    upload: Upload,
    hash: string,
    creation: Omit<CreationRequest, 'name'>,
  ): Promise<CreationReply> {
    const { name } = upload;
    try {
      this.#components.admission.lease(name, creation.lease);
      const draft = await upload.complete(hash);
      const reply = await create(this.#components, { name, ...creation }, draft, async () => ({ hash }));
      this.#remember(id, reply);
      return reply;
    } finally {
      this.#uploads.delete(id);
      await upload.close();
    }
  }

  #remember(id: string, reply: CreationReply): void {
    this.#done.set(id, Promise.resolve(reply));
    if (this.#done.size > REMEMBERED) this.#done.delete(this.#done.keys().next().value!);
  }

  #find(id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload !== undefined) return upload;
    throw new CkptError('ENOENT', `there is no upload ${id} here: it was dropped, or it was idle too long`);
  }

  /** The memory that there is, shared out to the uploads under way. */
  #credits(): number {
    const each = this.#budget.limit / Math.max(1, this.#uploads.size) / this.#limits.pieceBytes;
    return Math.max(1, Math.min(MOST_CREDITS, Math.floor(each)));
  }
}
