import { CkptError, isCkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { FORMAT_VERSION } from './config.js';
import { encodeDocument } from './envelope.js';
import { type ImageLayout, readLayout } from './image/image-layout.js';
import {
  type Manifest,
  type ManifestSegment,
  manifestName,
  manifestRoot,
  newManifestId,
  readManifest,
} from './image/manifest.js';
import { isSpoiled } from './index/chunk-index.js';
import { Lease } from './lease.js';
import { ChunkWriter } from './put/chunk-writer.js';
import { noParent, type ParentPages, readParentPages } from './put/page-reference.js';
import { putImage } from './put/put-image.js';
import type { StoreContext } from './store-context.js';

export interface SessionOptions {
  /** Need not be unique: a name means the newest checkpoint that has it. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Id of the checkpoint that this one is likely to be much like. Each checkpoint is whole all the same. */
  readonly parent?: string;
  readonly onProgress?: (bytes: number) => void;
}

/**
 * One checkpoint on its way into the store. Nothing is listed before commit() has resolved, and then all of it is
 * durable. A session that is neither committed nor aborted holds up garbage collection until its process ends.
 */
export class Session {
  readonly #context: StoreContext;
  readonly #options: SessionOptions;
  readonly #lease: Lease;
  readonly #writer: ChunkWriter;
  readonly #started = performance.now();
  #image: { readonly layout: ImageLayout; readonly segments: readonly ManifestSegment[] } | undefined;
  #ended = false;

  private constructor(context: StoreContext, options: SessionOptions, lease: Lease) {
    this.#context = context;
    this.#options = options;
    this.#lease = lease;
    this.#writer = new ChunkWriter(context);
  }

  static async begin(context: StoreContext, options: SessionOptions): Promise<Session> {
    const lease = await Lease.take(context.backend, context.owners);
    try {
      // Behind the lease: what is seen from here on stays (docs/store.md).
      await context.index.refresh();
      return new Session(context, options, lease);
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  /**
   * Stores any valid image, byte for byte.
   * @throws EBADMSG, ENOEXEC, ENOSYS it is not one; ENOSPC, EIO, EPERM the store cannot take it
   */
  async importImage(source: ByteSource): Promise<void> {
    await this.writeImage(await readLayout(source));
  }

  /** Stores an image whose layout is known. */
  async writeImage(layout: ImageLayout): Promise<void> {
    if (this.#image !== undefined || this.#ended)
      throw new CkptError('EINVAL', 'a session takes one image, before it is committed or aborted');
    const { engine, chunks, index } = this.#context;
    const { onProgress } = this.#options;
    const segments = await putImage(layout, {
      writer: this.#writer,
      engine,
      parent: await this.#parentPages(),
      read: async (id) => {
        const waiting = this.#writer.waiting(id);
        if (waiting !== undefined) return waiting;
        return (await index.find(id)) === undefined ? undefined : chunks.content(id);
      },
      ...(onProgress !== undefined && { onProgress }),
    });
    this.#image = { layout, segments };
  }

  /**
   * Makes it a checkpoint: when this resolves, it is listed and survives any crash.
   * @throws ETIMEDOUT the process stood still for too long in between; ENOSPC, EIO: nothing is listed
   */
  async commit(): Promise<Manifest> {
    if (this.#image === undefined || this.#ended)
      throw new CkptError('EINVAL', 'there is nothing to commit: the session has no image, or has ended');
    const { backend, documentKey, index } = this.#context;
    await this.#writer.flush();
    const manifest = this.#manifest(this.#image.layout, this.#image.segments);
    const name = manifestName(manifest.id);
    await this.#lease.check();
    if (!(await backend.put(name, [encodeDocument(name, manifest, documentKey)])))
      throw new CkptError(
        'EEXIST',
        `there is a checkpoint ${manifest.id} already, though its id was drawn at random`,
      );
    await this.#end();
    await index.publish();
    return manifest;
  }

  /** Gives it up. What was stored already goes with the next garbage collection. */
  async abort(): Promise<void> {
    if (!this.#ended) await this.#end();
  }

  async #end(): Promise<void> {
    this.#ended = true;
    await this.#writer.settle();
    await this.#lease.release();
  }

  async #parentPages(): Promise<ParentPages> {
    const { backend, documentKey, chunks } = this.#context;
    const { parent } = this.#options;
    if (parent === undefined) return noParent;
    try {
      return await readParentPages(await readManifest(backend, parent, documentKey), chunks);
    } catch (error) {
      // Only a help: a damaged or forgotten parent must not keep a good checkpoint out.
      if (isSpoiled(error) || (isCkptError(error) && error.code === 'EBADMSG')) return noParent;
      throw error;
    }
  }

  #manifest({ tree, size }: ImageLayout, segments: readonly ManifestSegment[]): Manifest {
    const { name, labels = {}, parent } = this.#options;
    const { newBytes, storedBytes } = this.#writer.written;
    const now = new Date();
    return {
      format: FORMAT_VERSION,
      id: newManifestId(now),
      created: now.toISOString(),
      ...(name !== undefined && { name }),
      labels: { ...labels },
      ...(parent !== undefined && { parent }),
      tree,
      sizes: { logical: size, new: newBytes, stored: storedBytes },
      durationMs: Math.round(performance.now() - this.#started),
      segments: [...segments],
      root: manifestRoot(segments),
    };
  }
}
