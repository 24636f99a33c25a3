import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import type { ObjectBackend } from '../backend/object-backend.js';
import {
  CHUNK_HEADER_SIZE,
  type ChunkRecord,
  type ChunkSettings,
  decodeChunkHeader,
  openChunk,
  RECORD_OVERHEAD,
} from '../chunk.js';
import { type ChunkId, type ContentHash, HASH_SIZE, hexId } from '../content-hash.js';
import { RECIPE_CHUNK } from '../image/recipe.js';
import type { ChunkIndex } from '../index/chunk-index.js';
import type { ChunkPlace } from '../index/chunk-place.js';
import { newPackId, PackBuilder } from '../pack/pack-builder.js';
import { packName } from '../pack/pack-reader.js';
import type { StoreContext } from '../store-context.js';
import { type ChunkEngine, type Contents, recordsOf, sealedSize } from './chunk-engine.js';
import { HeldObject } from './held-object.js';
import { SLAB_SIZE, SlabPool } from './slab-pool.js';
import type { SpareSlabs } from './spare-slabs.js';

/** Packs that may be on their way into the store while the next one is filled: those that grow there, and those that are held in memory. */
const PACKS_IN_FLIGHT = { growing: 3, held: 1 };

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
  readonly #spares: SpareSlabs;
  /** Where slabs of records come from the engine. */
  readonly #targets: SlabPool;
  /** Where recipes go to the engine. */
  readonly #recipes: SlabPool;
  #pack: PackBuilder | undefined;
  #opening: Promise<void> | undefined;
  /** Chunks that are promised to come, or came. */
  readonly #coming = new Set<ChunkId>();
  /** Records that wait in a pack which is not in the store yet. */
  readonly #waiting = new Map<ChunkId, { readonly builder: PackBuilder; readonly place: ChunkPlace }>();
  readonly #putting = new Set<Promise<void>>();
  #newBytes = 0;
  #storedBytes = 0;
  #chunks = 0;
  #failure: unknown;
  #closed = false;

  constructor({ backend, index, hash, engine, slabs, packSize, settings }: StoreContext) {
    this.#backend = backend;
    this.#index = index;
    this.#hash = hash;
    this.#engine = engine;
    this.#packSize = packSize;
    this.#settings = settings;
    this.#spares = slabs;
    this.#targets = new SlabPool(TARGET_SIZE, engine.lanes + 1, slabs);
    this.#recipes = new SlabPool(RECIPE_CHUNK, engine.lanes + 1, slabs);
  }

  get written(): Written {
    return { newBytes: this.#newBytes, storedBytes: this.#storedBytes, chunks: this.#chunks };
  }

  /** Whether a chunk need not be added: it is in the store to stay, or was promised before. */
  async has(id: ChunkId): Promise<boolean> {
    return this.#coming.has(id) || (await this.#index.find(id, true)) !== undefined;
  }

  /** Whether that is so of all of them: some thousand, in order. */
  async hasAll(ids: readonly ChunkId[]): Promise<boolean> {
    const others = ids.filter((id) => !this.#coming.has(id));
    return !(await this.#index.findAll(others, true)).includes(undefined);
  }

  /** Whether this writer brings the chunk, or has brought it. */
  isComing(id: ChunkId): boolean {
    return this.#coming.has(id);
  }

  /** The content of a chunk that was added and is not in the store yet. */
  waiting(id: ChunkId): Promise<Uint8Array> | undefined {
    const waiting = this.#waiting.get(id);
    return waiting?.builder
      .record(waiting.place)
      .then((record) => openChunk(this.#settings, id, new Uint8Array(record)));
  }

  /** Announces a chunk that a later call of add() brings. */
  promise(id: ChunkId): void {
    this.#coming.add(id);
  }

  /** Compresses, encrypts and adds. @param contents not to be touched until it resolves. @param ids of them, 32 bytes each */
  async add(contents: Contents, ids: Uint8Array): Promise<void> {
    if (contents.length === 0) return;
    await this.#withTarget(contents, async (target) => {
      const sealed = await this.#engine.seal(contents, ids, target);
      await this.#append(recordsOf(contents, target, sealed));
    });
  }

  /** Adds content unless the store has it. @returns its id */
  async put(content: Uint8Array): Promise<ChunkId> {
    return (await this.putAll([content]))[0]!;
  }

  /** Adds those contents that the store has not. @param contents not to be touched until it resolves. @returns their ids */
  async putAll(contents: Contents): Promise<ChunkId[]> {
    const ids: ChunkId[] = [];
    await this.#withTarget(contents, async (target) => {
      const recorded = await this.#engine.record(contents, target);
      const fresh: ChunkRecord[] = [];
      for (const [index, record] of recordsOf(contents, target, recorded).entries()) {
        const id = hexId(recorded.ids.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE));
        ids.push(id);
        // Another call may have promised the same content meanwhile.
        if (!(await this.has(id)) && !this.isComing(id)) {
          this.promise(id);
          fresh.push(record);
        }
      }
      await this.#append(fresh);
    });
    return ids;
  }

  /** Adds recipes. @param recipes the chunks of each. @returns their ids */
  async putRecipes(recipes: readonly (readonly Uint8Array[])[]): Promise<ChunkId[][]> {
    const groups = groupsOf(recipes.flat(), RECIPE_CHUNK);
    const results = await Promise.allSettled(groups.map((group) => this.#putShared(group)));
    const ids = results.flatMap((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    const next = ids.values();
    return recipes.map((chunks) => chunks.map(() => next.next().value!));
  }

  /** As putAll(), for RECIPE_CHUNK bytes at most: from shared memory threads take them without a copy. */
  async #putShared(contents: Contents): Promise<ChunkId[]> {
    const slab = await this.#recipes.take();
    try {
      let size = 0;
      const shared = contents.map((content) => {
        slab.set(content, size);
        size += content.length;
        return slab.subarray(size - content.length, size);
      });
      return await this.putAll(shared);
    } finally {
      this.#recipes.give(slab);
    }
  }

  /** @param record header and payload, one behind the other */
  async addRecord(record: Uint8Array): Promise<void> {
    if (decodeChunkHeader(record) === undefined)
      throw new CkptError('EINVAL', 'a chunk was put together wrongly; it is not stored');
    const [header, payload] = [record.subarray(0, CHUNK_HEADER_SIZE), record.subarray(CHUNK_HEADER_SIZE)];
    await this.#append([{ header, payload }]);
  }

  /** Everything added is in the store, durably. @throws what putting a pack threw: ENOSPC, EIO, ... */
  async flush(): Promise<void> {
    if (this.#pack !== undefined) this.#seal(this.#pack);
    await Promise.all(this.#putting);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Takes nothing more, and waits until nothing is written any more, however that ends. A pack that is not whole goes. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening?.catch(() => undefined); // whoever waits for it is told
    const pack = this.#pack;
    this.#pack = undefined;
    await pack?.close().catch(() => undefined); // it was given up: who ends must still give back the lease
    await Promise.allSettled(this.#putting);
  }

  /** @param work is lent a buffer for the records of the contents */
  async #withTarget(contents: Contents, work: (target: Uint8Array) => Promise<void>): Promise<void> {
    const size = sealedSize(contents);
    if (size < SMALL || size > TARGET_SIZE) return work(new Uint8Array(size));
    const target = await this.#targets.take();
    try {
      await work(target);
    } finally {
      this.#targets.give(target);
    }
  }

  /** Resolves when the records' bytes are needed no more. */
  async #append(records: readonly ChunkRecord[]): Promise<void> {
    const writing: Promise<void>[] = [];
    for (let first = 0; first < records.length; ) {
      while (this.#pack === undefined) await this.#openPack();
      // No await until it is looked at again: another caller could fill and seal the pack meanwhile.
      const pack = this.#pack;
      if (this.#failure !== undefined) throw this.#failure;
      let [next, size] = [first, 0];
      do size += CHUNK_HEADER_SIZE + records[next++]!.payload.length;
      while (next < records.length && pack.size + size < this.#packSize);
      writing.push(this.#addTo(pack, records.slice(first, next)));
      if (pack.size >= this.#packSize) this.#seal(pack);
      first = next;
    }
    await Promise.all(writing);
  }

  #addTo(builder: PackBuilder, records: readonly ChunkRecord[]): Promise<void> {
    const { added, written } = builder.add(records);
    for (const { id, size, ...place } of added) {
      this.#coming.add(id);
      this.#waiting.set(id, { builder, place });
      this.#newBytes += size;
      this.#storedBytes += place.length;
      this.#chunks++;
    }
    return written;
  }

  /** Begins a pack; waits for one of the last to be in the store when too many are on their way. */
  #openPack(): Promise<void> {
    if (this.#closed) throw new CkptError('EPIPE', 'the writer is closed');
    this.#opening ??= this.#beginPack().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #beginPack(): Promise<void> {
    const { growing, held } = PACKS_IN_FLIGHT;
    const limit = this.#backend.draft === undefined ? held : growing;
    while (this.#putting.size > limit) await Promise.race(this.#putting);
    const id = newPackId();
    const name = packName(id);
    const object = (await this.#backend.draft?.(name)) ?? new HeldObject(this.#backend, name, this.#spares);
    this.#pack = new PackBuilder(id, object);
  }

  #seal(pack: PackBuilder): void {
    this.#pack = undefined;
    const putting: Promise<void> = this.#put(pack)
      .catch((error: unknown) => {
        this.#failure ??= error; // the next call throws it
      })
      .finally(() => {
        this.#putting.delete(putting);
      });
    this.#putting.add(putting);
  }

  async #put(pack: PackBuilder): Promise<void> {
    try {
      const size = await pack.seal(this.#hash);
      if (size === undefined)
        throw new CkptError(
          'EEXIST',
          `there is a pack ${pack.id} already, though its name was drawn at random`,
        );
      this.#index.add(pack.id, size, pack.entries);
      for (const { id } of pack.entries) this.#waiting.delete(id);
    } finally {
      await pack.close();
    }
  }
}

/** Neighbours, of together no more than `size` bytes each, as none of them has more. */
function groupsOf(contents: readonly Uint8Array[], size: number): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let left = 0;
  for (const content of contents) {
    if (groups.length === 0 || content.length > left) {
      groups.push([]);
      left = size;
    }
    groups.at(-1)!.push(content);
    left -= content.length;
  }
  return groups;
}
