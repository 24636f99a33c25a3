import { asCkptError, CkptError } from '@ckptree/errors';
import type { ByteSource, MemoryVersions } from '@ckptree/model';
import {
  type AddedSizes,
  type Composition,
  composeSegments,
  type StoredPart,
  secureSegments,
} from './composition.js';
import { FORMAT_VERSION } from './config.js';
import type { ChunkId } from './content-hash.js';
import { encodeDocument } from './envelope.js';
import { isSpoiled } from './faults.js';
import type { Baseline } from './image/baseline.js';
import { type ImageLayout, type PartLayout, readLayout } from './image/image-layout.js';
import {
  type Manifest,
  type ManifestSegment,
  manifestName,
  manifestRoot,
  newManifestId,
  readManifest,
} from './image/manifest.js';
import { readRecipes } from './image/read-recipe.js';
import type { Recipe } from './image/recipe.js';
import { Lease } from './lease.js';
import type { PackId } from './pack/pack-format.js';
import { ChunkWriter } from './put/chunk-writer.js';
import { noParent, ParentImage } from './put/parent-image.js';
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

/** Chunks that are looked for at once. */
const LOOKUPS = 4096;

/**
 * A writer at work. It brings one checkpoint of its own into the store (an image, then commit()), or parts of an image
 * that somebody else composes (writeParts(), end() once that is done), or it composes one (commitParts()). Nothing is
 * listed before a commit has resolved, and then all of it is durable. One that failed to store something stores nothing
 * more. A session that is not ended holds up garbage collection until its process ends.
 */
export class Session {
  readonly #context: StoreContext;
  readonly #options: SessionOptions;
  readonly #lease: Lease;
  readonly #writer: ChunkWriter;
  readonly #started = performance.now();
  /** Packs that were marked when our lease was there: a collector may not wait for us before it deletes them. */
  readonly #condemned: ReadonlySet<PackId>;
  #image: { readonly layout: ImageLayout; readonly segments: readonly ManifestSegment[] } | undefined;
  #parent: Promise<ParentImage> | undefined;
  /** Chunks that this session may rely on. */
  readonly #staying = new Set<ChunkId>();
  /** Why something could not be stored: chunks that it promised may never come, so that nothing else may rely on them. */
  #failure: unknown;
  #ended = false;

  private constructor(context: StoreContext, options: SessionOptions, lease: Lease) {
    this.#context = context;
    this.#options = options;
    this.#lease = lease;
    this.#writer = new ChunkWriter(context);
    this.#condemned = context.index.condemned;
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
    this.#context.engine.prepare(source.size ?? 0);
    await this.writeImage(await readLayout(source));
  }

  /**
   * The memory of the parent that one with this history came about from: pages that have not changed since need not be
   * read, see `MemoryLayout.kept`. There is one only if all of its pages are in the store to stay.
   */
  async baseline(history: readonly MemoryVersions[]): Promise<Baseline | undefined> {
    const baseline = (await this.#parentImage()).baseline(history);
    return baseline !== undefined && (await this.#allStay(baseline.chunks())) ? baseline : undefined;
  }

  /** Stores an image whose layout is known. */
  async writeImage(layout: ImageLayout): Promise<void> {
    this.#checkOpen();
    if (this.#image !== undefined) throw new CkptError('EINVAL', 'a session takes one image');
    this.#image = { layout, segments: await this.#put(layout) };
  }

  /**
   * Stores stretches of an image that somebody else composes. When it resolves, they are durable; they stay as long
   * as this session is not ended, or a manifest needs them.
   * @param ends byte positions in the layout at which the stretches end, ascending, the last at its end; each stretch
   *             must hold whatever it begins (records, batches of pages) to its end
   * @returns a part for each stretch
   */
  async writeParts(layout: PartLayout, ends: readonly number[]): Promise<StoredParts> {
    this.#checkOpen();
    if (ends.some((end, index) => end <= (ends[index - 1] ?? 0)) || ends.at(-1) !== layout.size)
      throw new CkptError('EINVAL', 'the ends of parts must ascend, up to the end of their layout');
    const before = this.#writer.written;
    const segments = await this.#put(layout, ends);
    await this.#writer.flush();
    const { newBytes, storedBytes } = this.#writer.written;
    return {
      parts: partsOf(segments, ends),
      added: { new: newBytes - before.newBytes, stored: storedBytes - before.storedBytes },
    };
  }

  /**
   * Makes it a checkpoint: when this resolves, it is listed and survives any crash.
   * @throws ETIMEDOUT the process stood still for too long in between; ENOSPC, EIO. Then nothing is listed, unless the
   *         store did not even let that be taken back, which the message says
   */
  async commit(): Promise<Manifest> {
    this.#checkOpen();
    if (this.#image === undefined) throw new CkptError('EINVAL', 'there is nothing to commit');
    const { layout, segments } = this.#image;
    await this.#writer.flush();
    const now = new Date();
    const manifest = this.#manifest(segments, {
      id: newManifestId(now),
      created: now.toISOString(),
      durationMs: Math.round(performance.now() - this.#started),
      tree: layout.tree,
    });
    if (!(await this.#listOrTakeBack(manifest)))
      throw new CkptError(
        'EEXIST',
        `there is a checkpoint ${manifest.id} already, though its id was drawn at random`,
      );
    await this.end();
    await this.#context.index.publish();
    return manifest;
  }

  /**
   * Makes parts that other sessions stored a checkpoint. They may have ended, or be dead: what is not sure to stay is
   * found out, and copied or told. Committing the same composition again does nothing.
   * @returns the manifest that is listed
   * @throws EIO, EBADMSG a chunk that a part needs is missing or damaged; EEXIST there is another checkpoint of this id;
   *         ETIMEDOUT, ENOSPC, EIO: it may be listed all the same, and then committing again makes it durable
   */
  async commitParts(composition: Composition): Promise<Manifest> {
    this.#checkOpen();
    const { backend, documentKey, index } = this.#context;
    const segments = await composeSegments(composition, this.#writer);
    await secureSegments(this.#context, segments, this.#condemned, this.#writer);
    let manifest = this.#manifest(segments, composition, composition.added);
    if (!(await this.#list(manifest))) {
      const listed = await readManifest(backend, manifest.id, documentKey);
      if (listed.root !== manifest.root || listed.sizes.logical !== manifest.sizes.logical)
        throw new CkptError('EEXIST', `there is another checkpoint ${manifest.id}`);
      manifest = listed;
    }
    await this.end();
    await index.publish();
    return manifest;
  }

  /**
   * Sees to it that a checkpoint which is listed survives a crash: whoever listed it may have died before that was sure.
   * @throws ENOENT it is not listed; EIO, EBADMSG it is damaged, or its name cannot be made durable
   */
  async confirm(id: string): Promise<Manifest> {
    this.#checkOpen();
    const { backend, documentKey } = this.#context;
    const manifest = await readManifest(backend, id, documentKey);
    await this.#list(manifest);
    return manifest;
  }

  /** What it stored, and relied on, and no manifest needs, goes with the next garbage collection. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#writer.close();
    await this.#lease.release();
  }

  /** Gives it up, unless it has ended. */
  abort(): Promise<void> {
    return this.end();
  }

  #checkOpen(): void {
    if (this.#ended) throw new CkptError('EINVAL', 'the session has ended; begin another one');
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #put(layout: PartLayout, cuts: readonly number[] = []): Promise<ManifestSegment[]> {
    const { engine, slabs, chunks, index } = this.#context;
    const { onProgress } = this.#options;
    try {
      return await putImage(layout, {
        cuts,
        writer: this.#writer,
        engine,
        slabs,
        parent: await this.#parentImage(),
        read: async (id) => {
          const waiting = this.#writer.waiting(id);
          if (waiting !== undefined) return waiting;
          return (await index.find(id)) === undefined ? undefined : chunks.content(id);
        },
        keep: (id, content) => chunks.keep(id, content),
        ...(onProgress !== undefined && { onProgress }),
      });
    } catch (error) {
      this.#failure ??= error;
      throw error;
    }
  }

  /** Puts the manifest, durable. @returns false when there is one of its id, which is durable then */
  async #list(manifest: Manifest): Promise<boolean> {
    const { backend, documentKey } = this.#context;
    const name = manifestName(manifest.id);
    const document = encodeDocument(name, manifest, documentKey);
    await this.#lease.check();
    const isFirst = await backend.put(name, [document], this.#lease.name);
    // Once more: a collector that took us for dead meanwhile may have looked before it was there.
    await this.#lease.check();
    return isFirst;
  }

  /**
   * As #list(), for a checkpoint that nobody else could list: when its name could not be made durable, or its chunks may
   * have been collected, it is there for all to see, but perhaps not for long.
   */
  async #listOrTakeBack(manifest: Manifest): Promise<boolean> {
    try {
      return await this.#list(manifest);
    } catch (error) {
      await this.#context.backend.delete(manifestName(manifest.id)).catch(() => {
        const { code, message, fields } = asCkptError(error);
        throw new CkptError(
          code,
          `${message}. Checkpoint ${manifest.id} may be listed all the same; forget it, or check that it is still there later`,
          fields,
          error,
        );
      });
      throw error;
    }
  }

  async #allStay(ids: Iterable<ChunkId>): Promise<boolean> {
    // In order, so that neighbours in the index are read together.
    const unknown = [...ids].filter((id) => !this.#staying.has(id)).sort();
    for (let at = 0; at < unknown.length; at += LOOKUPS) {
      const group = unknown.slice(at, at + LOOKUPS);
      if (!(await this.#writer.hasAll(group))) return false;
      for (const id of group) this.#staying.add(id);
    }
    return true;
  }

  #parentImage(): Promise<ParentImage> {
    this.#parent ??= this.#readParent();
    return this.#parent;
  }

  async #readParent(): Promise<ParentImage> {
    const { backend, documentKey, chunks } = this.#context;
    const { parent } = this.#options;
    if (parent === undefined) return noParent;
    try {
      const { segments } = await readManifest(backend, parent, documentKey);
      const recipes: Recipe[] = [];
      for await (const recipe of readRecipes(chunks, segments)) recipes.push(recipe);
      return new ParentImage(recipes);
    } catch (error) {
      // Only a help: a damaged or forgotten parent must not keep a good checkpoint out.
      if (isSpoiled(error)) return noParent;
      throw error;
    }
  }

  /** @param others what other writers added */
  #manifest(
    segments: readonly ManifestSegment[],
    { id, created, durationMs, tree }: Pick<Manifest, 'id' | 'created' | 'durationMs' | 'tree'>,
    others: AddedSizes = { new: 0, stored: 0 },
  ): Manifest {
    const { name, labels = {}, parent } = this.#options;
    const { newBytes, storedBytes } = this.#writer.written;
    return {
      format: FORMAT_VERSION,
      id,
      created,
      ...(name !== undefined && { name }),
      labels: { ...labels },
      ...(parent !== undefined && { parent }),
      tree,
      sizes: {
        logical: segments.reduce((sum, { size }) => sum + size, 0),
        new: others.new + newBytes,
        stored: others.stored + storedBytes,
      },
      durationMs,
      segments: [...segments],
      root: manifestRoot(segments),
    };
  }
}

/** What writeParts() stored. Plain data. */
export interface StoredParts {
  readonly parts: readonly StoredPart[];
  readonly added: AddedSizes;
}

/** @param ends of the parts; segments do not reach across */
function partsOf(segments: readonly ManifestSegment[], ends: readonly number[]): StoredPart[] {
  let start = 0;
  let first = 0;
  return ends.map((end) => {
    let next = first;
    while (next < segments.length && segments[next]!.position < end) next++;
    const own = segments.slice(first, next).map(({ size, recipe }) => ({ size, recipe }));
    const part = { size: end - start, segments: own };
    start = end;
    first = next;
    return part;
  });
}
