import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import type { ObjectBackend } from '../backend/object-backend.js';
import { type ChunkSettings, decodeChunkHeader, openChunk, RECORD_OVERHEAD } from '../chunk.js';
import { type ChunkId, type ContentHash, HASH_SIZE, hexId } from '../content-hash.js';
import { recipeChunks } from '../image/recipe.js';
import type { ChunkIndex } from '../index/chunk-index.js';
import { PackBuilder, packBufferSize } from '../pack/pack-builder.js';
import { packName } from '../pack/pack-reader.js';
import type { StoreContext } from '../store-context.js';
import { type ChunkEngine, type Ranges, sealedSize } from './chunk-engine.js';
import { SLAB_SIZE, SlabPool } from './slab-pool.js';

/** Packs that may be on their way to the disk while the next one is filled. More was slower: it is more memory to touch. */
const PACKS_IN_FLIGHT = 1;

/** Bytes of the records of one slab, at most: each page may make a record of its own. */
const TARGET_SIZE = SLAB_SIZE + (SLAB_SIZE / PAGE_SIZE) * RECORD_OVERHEAD;
/** Bytes: for less a buffer is made when it is needed. */
const SMALL = 64 * 1024;

/** What a writer added to the store. */
export interface Written {
  /** Bytes of contents that were not in the store. */
  readonly newBytes: number;
  /** Bytes that their records take. */
  readonly storedBytes: number;
  readonly chunks: number;
}

/** Puts new chunks into packs, and packs into the store. */
export class ChunkWriter {
  readonly #backend: ObjectBackend;
  readonly #index: ChunkIndex;
  readonly #hash: ContentHash;
  readonly #engine: ChunkEngine;
  readonly #packSize: number;
  readonly #settings: ChunkSettings;
  readonly #buffers: SlabPool;
  /** Where slabs of records come from the engine. */
  readonly #targets: SlabPool;
  #pack: PackBuilder | undefined;
  #opening: Promise<void> | undefined;
  /** Chunks that are promised to come, or came. */
  readonly #coming = new Set<ChunkId>();
  /** Records that wait in a pack which is not in the store yet. */
  readonly #waiting = new Map<ChunkId, Uint8Array>();
  readonly #putting = new Set<Promise<void>>();
  #newBytes = 0;
  #storedBytes = 0;
  #chunks = 0;
  #failure: unknown;

  constructor({ backend, index, hash, engine, slabs, packSize, settings }: StoreContext) {
    this.#backend = backend;
    this.#index = index;
    this.#hash = hash;
    this.#engine = engine;
    this.#packSize = packSize;
    this.#settings = settings;
    this.#buffers = new SlabPool(packBufferSize(packSize), PACKS_IN_FLIGHT + 1, slabs);
    this.#targets = new SlabPool(TARGET_SIZE, engine.lanes + 1, slabs);
  }

  get written(): Written {
    return { newBytes: this.#newBytes, storedBytes: this.#storedBytes, chunks: this.#chunks };
  }

  /** Whether a chunk need not be added: it is in the store to stay, or was promised before. */
  async has(id: ChunkId): Promise<boolean> {
    return this.#coming.has(id) || (await this.#index.find(id, true)) !== undefined;
  }

  /** Whether this writer brings the chunk, or has brought it. */
  isComing(id: ChunkId): boolean {
    return this.#coming.has(id);
  }

  /** The content of a chunk that was added and is not in the store yet. */
  waiting(id: ChunkId): Uint8Array | undefined {
    const record = this.#waiting.get(id);
    // A copy: its place in memory is used again once its pack is in the store.
    return record === undefined ? undefined : openChunk(this.#settings, id, new Uint8Array(record));
  }

  /** Announces a chunk that a later call of add() brings. */
  promise(id: ChunkId): void {
    this.#coming.add(id);
  }

  /** Compresses, encrypts and adds. @param ids of the ranges, 32 bytes each */
  async add(bytes: Uint8Array, ranges: Ranges, ids: Uint8Array): Promise<void> {
    if (ranges.length === 0) return;
    const size = sealedSize(ranges);
    const isSmall = size < SMALL || size > TARGET_SIZE;
    const target = isSmall ? new Uint8Array(size) : await this.#targets.take();
    try {
      for (const record of await this.#engine.seal(bytes, ranges, ids, target)) await this.addRecord(record);
    } finally {
      if (!isSmall) this.#targets.give(target);
    }
  }

  /** Adds content unless the store has it. @returns its id */
  async put(content: Uint8Array): Promise<ChunkId> {
    return (await this.putAll([content]))[0]!;
  }

  /** Adds those contents that the store has not. @returns their ids */
  async putAll(contents: readonly Uint8Array[]): Promise<ChunkId[]> {
    const bytes = contents.length === 1 ? contents[0]! : Buffer.concat(contents);
    const ranges = rangesOf(contents);
    const digest = await this.#engine.digest(bytes, ranges);
    const ids = contents.map((_, index) => hexId(digestAt(digest, index)));
    const missing: number[] = [];
    for (const [index, id] of ids.entries()) {
      // Another call may have promised the same content meanwhile.
      if ((await this.has(id)) || this.isComing(id)) continue;
      this.promise(id);
      missing.push(index);
    }
    const missingRanges = missing.flatMap((index) => [ranges[2 * index]!, ranges[2 * index + 1]!]);
    const missingIds = Buffer.concat(missing.map((index) => digestAt(digest, index)));
    await this.add(bytes, Uint32Array.from(missingRanges), missingIds);
    return ids;
  }

  /** Adds recipes, cut into chunks. @returns the ids of each one's */
  async putRecipes(recipes: readonly Uint8Array[]): Promise<ChunkId[][]> {
    const contents = recipes.map(recipeChunks);
    const ids = (await this.putAll(contents.flat())).values();
    return contents.map((chunks) => chunks.map(() => ids.next().value!));
  }

  /** @param record as sealChunk() makes it; copied */
  async addRecord(record: Uint8Array): Promise<void> {
    const header = decodeChunkHeader(record);
    if (header === undefined)
      throw new CkptError('EINVAL', 'a chunk was put together wrongly; it is not stored');
    const { id, size } = header;
    while (this.#pack === undefined) await this.#openPack();
    // No await from here on: another caller could fill and seal the pack meanwhile.
    const pack = this.#pack;
    if (this.#failure !== undefined) throw this.#failure;
    this.#coming.add(id);
    this.#waiting.set(id, pack.add(record));
    this.#newBytes += size;
    this.#storedBytes += record.length;
    this.#chunks++;
    if (pack.size >= this.#packSize) this.#seal(pack);
  }

  /** Everything added is in the store, durably. @throws what putting a pack threw: ENOSPC, EIO, ... */
  async flush(): Promise<void> {
    if (this.#pack !== undefined) this.#seal(this.#pack);
    await Promise.all(this.#putting);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits until nothing is written any more, however that ends. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#putting);
  }

  /** Begins a pack; waits for one of the last to be in the store when all buffers are in use. */
  #openPack(): Promise<void> {
    this.#opening ??= this.#buffers.take().then((buffer) => {
      this.#pack = new PackBuilder(buffer);
      this.#opening = undefined;
    });
    return this.#opening;
  }

  #seal(pack: PackBuilder): void {
    this.#pack = undefined;
    const putting: Promise<void> = this.#put(pack)
      .catch((error: unknown) => {
        this.#failure ??= error; // the next call throws it
      })
      .finally(() => {
        this.#putting.delete(putting);
        this.#buffers.give(pack.buffer);
      });
    this.#putting.add(putting);
  }

  async #put(pack: PackBuilder): Promise<void> {
    const parts = pack.finish(this.#hash);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (!(await this.#backend.put(packName(pack.id), parts)))
      throw new CkptError(
        'EEXIST',
        `there is a pack ${pack.id} already, though its name was drawn at random`,
      );
    this.#index.add(pack.id, size, pack.entries);
    for (const { id } of pack.entries) this.#waiting.delete(id);
  }
}

/** Of contents that stand one behind the other. */
function rangesOf(contents: readonly Uint8Array[]): Ranges {
  let end = 0;
  return Uint32Array.from(
    contents.flatMap(({ length }) => {
      end += length;
      return [end - length, end];
    }),
  );
}

const digestAt = (digests: Uint8Array, index: number): Uint8Array =>
  digests.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
