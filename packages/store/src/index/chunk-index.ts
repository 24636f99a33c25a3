import { randomBytes } from 'node:crypto';
import { isCkptError } from '@ckptree/errors';
import type { ObjectBackend } from '../backend/object-backend.js';
import { recordLength } from '../chunk.js';
import type { ChunkId, ContentHash } from '../content-hash.js';
import { isGone, isOutOfReach, isSpoiled } from '../faults.js';
import { KIND, objectId, objectName } from '../layout.js';
import type { PackEntry, PackId } from '../pack/pack-format.js';
import { listPacks, readPackEntries } from '../pack/pack-reader.js';
import type { ChunkPlace, IndexEntry } from './chunk-place.js';
import { encodeIndex, IndexFile } from './index-file.js';
import { decodeEntries, encodeEntries, mergeEntries, renumbered } from './raw-entries.js';

/** Chunks that are known from trailers alone before they are merged into an index: at least, and at most. */
const MERGE_MIN = 4096;
const MERGE_MAX = 500_000;

/**
 * How often a store is looked at anew because a pack was gone that had just been listed. Each time a collector has moved
 * chunks meanwhile, so this is enough for any number of them.
 */
export const LOOKS = 8;

/**
 * Where every chunk is. Most of it is in an index object; what came later is read from the trailers of the packs and
 * held in memory until it is worth a new index. An index is nothing but a cache: it is immutable, anybody may publish
 * a larger one, and a missing or damaged one is rebuilt from the packs.
 */
export class ChunkIndex {
  readonly #backend: ObjectBackend;
  readonly #hash: ContentHash;
  #base: IndexFile | undefined;
  /** Chunks of packs that the base does not cover. */
  readonly #recent = new Map<ChunkId, ChunkPlace[]>();
  /** Packs whose chunks are known here. */
  readonly #covered = new Set<PackId>();
  #packs: ReadonlyMap<PackId, { readonly size: number }> = new Map();
  #condemned: ReadonlySet<PackId> = new Set();
  /** Index objects that turned out to be damaged or gone. */
  readonly #spoiled = new Set<string>();
  /** Refreshes and merges, one after the other. */
  #refreshing: Promise<void> = Promise.resolve();
  /** Packs that came since the last refresh began: its list may be older than they are. */
  readonly #sealed = new Map<PackId, { readonly size: number }>();

  private constructor(backend: ObjectBackend, hash: ContentHash) {
    this.#backend = backend;
    this.#hash = hash;
  }

  static async open(backend: ObjectBackend, hash: ContentHash): Promise<ChunkIndex> {
    const index = new ChunkIndex(backend, hash);
    await index.refresh();
    return index;
  }

  /** Packs that there are. */
  get packs(): ReadonlyMap<PackId, { readonly size: number }> {
    return this.#packs;
  }

  /** Packs that were marked to be given up when this was last refreshed. The set itself does not change. */
  get condemned(): ReadonlySet<PackId> {
    return this.#condemned;
  }

  isCondemned(pack: PackId): boolean {
    return this.#condemned.has(pack);
  }

  /**
   * Looks at the store anew. The order is part of the protocol with the garbage collector: marks before packs (see
   * docs/store.md).
   */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#refresh());
  }

  /** One after the other: two at once would mix an older list with a newer one, or an older index with newer packs. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#refreshing.then(work);
    this.#refreshing = next.catch(() => undefined); // its caller is told
    return next;
  }

  /** Makes no more use of the index object that is open. */
  async rebuild(): Promise<void> {
    if (this.#base !== undefined) await this.#replaceBase(this.#base);
  }

  /** Every chunk of every pack that there is, ascending by id, in groups. */
  async *entries(): AsyncIterable<Iterable<IndexEntry>> {
    const packs = [...this.#packs.keys()];
    for await (const group of this.#merged(packs)) yield decodeEntries(group, packs);
  }

  async #refresh(): Promise<void> {
    for (let look = 1; !(await this.#look()) && look < LOOKS; look++);
  }

  /** @returns false when a pack was gone before its chunks were known: others may have come since, which have them now */
  async #look(): Promise<boolean> {
    this.#sealed.clear();
    const marks = await this.#backend.list(KIND.condemned);
    const packs = await listPacks(this.#backend, true);
    // Both at once: marks go after their packs, so newer marks say nothing of a pack that only the older list has.
    this.#condemned = new Set(marks.map(({ name }) => objectId(name)));
    this.#packs = new Map([...packs, ...this.#sealed]);
    if (this.#base === undefined) await this.#openBase();
    return this.#readTrailers();
  }

  /** Where to read a chunk. @param forReuse only in packs that will stay: a new checkpoint may rely on it */
  async find(id: ChunkId, forReuse = false): Promise<ChunkPlace | undefined> {
    return (await this.findAll([id], forReuse))[0];
  }

  /** As find(), for some thousand chunks at once; of such as come in order, neighbours are looked for together. */
  async findAll(ids: readonly ChunkId[], forReuse = false): Promise<(ChunkPlace | undefined)[]> {
    const condemned = this.#condemned;
    const stays = ({ pack }: ChunkPlace): boolean => !condemned.has(pack);
    return (await this.#places(ids, stays)).map(
      (places) => places.find(stays) ?? (forReuse ? undefined : places[0]),
    );
  }

  /** Everywhere a chunk is. */
  async places(id: ChunkId): Promise<readonly ChunkPlace[]> {
    return (await this.#places([id], () => false))[0]!;
  }

  /** Where a chunk is, other than in these packs. */
  async findStaying(id: ChunkId, condemned: ReadonlySet<PackId>): Promise<ChunkPlace | undefined> {
    const stays = ({ pack }: ChunkPlace): boolean => !condemned.has(pack);
    return (await this.#places([id], stays))[0]!.find(stays);
  }

  /** Where each chunk is: everywhere, unless one of the places that need not be read `fits`. */
  async #places(
    ids: readonly ChunkId[],
    fits: (place: ChunkPlace) => boolean,
  ): Promise<readonly ChunkPlace[][]> {
    const isThere = ({ pack }: ChunkPlace): boolean => this.#packs.has(pack);
    const places = ids.map((id) => (this.#recent.get(id) ?? []).filter(isThere));
    const open = [...ids.keys()].filter((index) => !places[index]!.some(fits));
    const inBase = await this.#findInBase(open.map((index) => ids[index]!));
    for (const [position, index] of open.entries()) places[index]!.push(...inBase[position]!.filter(isThere));
    return places;
  }

  /** Takes in a pack that was just sealed. */
  add(pack: PackId, size: number, entries: Iterable<IndexEntry>): void {
    this.#sealed.set(pack, { size });
    this.#packs = new Map(this.#packs).set(pack, { size });
    this.#cover(pack, entries);
  }

  /** Once for each pack: one that is just sealed may be listed, and its trailer read, before add() comes. */
  #cover(pack: PackId, entries: Iterable<IndexEntry>): void {
    if (this.#covered.has(pack)) return;
    this.#covered.add(pack);
    for (const entry of entries) this.#remember(entry);
  }

  /**
   * Publishes a merged index when enough has come together. Nothing depends on it: when it fails, because the disk is
   * full, or somebody else published one and took ours away, the packs still tell all.
   */
  async publish(force = false): Promise<void> {
    if (!force && !this.#isDue()) return;
    try {
      await this.#inTurn(async () => {
        // Somebody of the same process may have published one meanwhile.
        if (force || this.#isDue()) await this.#merge();
      });
    } catch (error) {
      if (!isCkptError(error)) throw error;
      if (isSpoiled(error)) await this.rebuild();
    }
  }

  #isDue(): boolean {
    return this.#recent.size >= Math.max(MERGE_MIN, Math.min((this.#base?.entries ?? 0) / 2, MERGE_MAX));
  }

  #remember({ id, pack, offset, length }: IndexEntry): void {
    const places = this.#recent.get(id);
    if (places === undefined) this.#recent.set(id, [{ pack, offset, length }]);
    else places.push({ pack, offset, length });
  }

  async #findInBase(ids: readonly ChunkId[]): Promise<readonly (readonly ChunkPlace[])[]> {
    const base = this.#base;
    if (base === undefined || ids.length === 0) return ids.map(() => []);
    try {
      return await base.findAll(ids);
    } catch (error) {
      if (!isSpoiled(error)) throw error;
      await this.#replaceBase(base);
      // What it had may be known from trailers now.
      const inBase = await this.#findInBase(ids);
      return ids.map((id, index) => [...(this.#recent.get(id) ?? []), ...inBase[index]!]);
    }
  }

  /** This base is gone (somebody published a larger one) or damaged: take another, or the trailers, unless that is done. */
  #replaceBase(base: IndexFile): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#base === base) {
        this.#spoiled.add(base.name);
        this.#base = undefined;
        this.#recent.clear();
        this.#covered.clear();
      }
      await this.#refresh();
    });
  }

  /** The largest index that is sound. */
  async #openBase(): Promise<void> {
    const objects = await this.#backend.list(KIND.index);
    const usable = objects.filter(({ name }) => !this.#spoiled.has(name)).sort((a, b) => b.size - a.size);
    for (const { name, size } of usable) {
      try {
        this.#base = await IndexFile.open(this.#backend, name, size, this.#hash);
        for (const pack of this.#base.packs) this.#covered.add(pack);
        this.#forgetMerged(new Set(this.#base.packs));
        return;
      } catch (error) {
        if (!isSpoiled(error)) throw error;
        this.#spoiled.add(name);
      }
    }
  }

  /** The chunks of packs that cannot be read count as missing. @returns whether all packs were there */
  async #readTrailers(): Promise<boolean> {
    let allThere = true;
    for (const [pack, { size }] of this.#packs) {
      if (this.#covered.has(pack)) continue;
      try {
        const entries = await readPackEntries(this.#backend, pack, size, this.#hash);
        this.#cover(
          pack,
          entries.map((entry) => placeOf(pack, entry)),
        );
        // Keeps memory bounded when a large store is read for the first time.
        if (this.#recent.size >= MERGE_MAX) await this.#merge().catch(ignoreOurs);
      } catch (error) {
        if (!isOutOfReach(error)) throw error;
        if (isGone(error)) allThere = false;
      }
    }
    return allThere;
  }

  async #merge(): Promise<void> {
    const packs = [...this.#covered].filter((pack) => this.#packs.has(pack));
    const name = objectName(KIND.index, randomBytes(16).toString('hex'));
    const parts = await encodeIndex(packs, this.#merged(packs), this.#hash);
    await this.#backend.put(name, parts);
    const older = (await this.#backend.list(KIND.index)).filter((object) => object.name !== name);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    this.#base = await IndexFile.open(this.#backend, name, size, this.#hash);
    this.#forgetMerged(new Set(packs));
    for (const object of older) await this.#backend.delete(object.name);
  }

  /**
   * Forgets what the base has. What came while it was written stays: nobody reads the trailer of a pack again that was sealed
   * here.
   */
  #forgetMerged(merged: ReadonlySet<PackId>): void {
    for (const [id, places] of this.#recent) {
      const others = places.filter(({ pack }) => !merged.has(pack) && this.#packs.has(pack));
      if (others.length === 0) this.#recent.delete(id);
      else this.#recent.set(id, others);
    }
  }

  /** All entries as they belong into an index of these packs. */
  #merged(packs: readonly PackId[]): AsyncIterable<Buffer> {
    const numbers = new Map(packs.map((pack, number) => [pack, number]));
    const groups = this.#base?.groups() ?? nothing();
    return mergeEntries(
      groups,
      renumbered(this.#base?.packs ?? [], numbers),
      encodeEntries(this.#recent, numbers),
    );
  }
}

async function* nothing(): AsyncIterable<never> {
  // There is no index yet.
}

export const placeOf = (pack: PackId, entry: PackEntry): IndexEntry => ({
  id: entry.id,
  pack,
  offset: entry.offset,
  length: recordLength(entry),
});

function ignoreOurs(error: unknown): void {
  if (!isCkptError(error)) throw error;
}
