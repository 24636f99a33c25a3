import { at, CkptError, isCkptError } from '@ckptree/errors';
import type { ObjectBackend } from './backend/object-backend.js';
import { decodeChunkHeader, RECORD_LIMIT } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import { ContentSlots, type Loading } from './content-slots.js';
import { isDamage, isGone, isSpoiled } from './faults.js';
import { type ChunkIndex, LOOKS } from './index/chunk-index.js';
import type { ChunkPlace } from './index/chunk-place.js';
import { packName } from './pack/pack-reader.js';
import type { ChunkEngine, RecordPlace } from './put/chunk-engine.js';

/** Bytes of chunk contents that are kept for those who take their time. */
const CACHE_SIZE = 32 * 1024 * 1024;

/** Bytes: larger records are not worth being fetched together with others. */
const SMALL_RECORD = 64 * 1024;
/** Bytes that are fetched at once, and that may lie unused between two records. */
const SPAN_SIZE = 2 * 1024 * 1024;
const SPAN_GAP = 16 * 1024;

type PlacedChunk = ChunkPlace & { readonly id: ChunkId };
type PlacedLoading = PlacedChunk & { readonly loading: Loading };

/** Gives the memory where a content of so many bytes goes; by default it gets memory of its own. */
type Target = (size: number) => Uint8Array;
type Unpacker = Pick<ChunkEngine, 'open' | 'openAll'>;

/** Contents of chunks by their ids, the last ones kept. */
export class ChunkReader {
  readonly #backend: ObjectBackend;
  readonly #index: ChunkIndex;
  readonly #engine: Unpacker;
  /** Least recently used first. Promises, so that two readers of one chunk read it once. */
  readonly #cache = new Map<ChunkId, Promise<Uint8Array>>();
  readonly #sizes = new Map<ChunkId, number>();
  #cached = 0;
  readonly #slots = new ContentSlots((group) => void this.#loadGroup(group));

  constructor(backend: ObjectBackend, index: ChunkIndex, engine: Unpacker) {
    this.#backend = backend;
    this.#index = index;
    this.#engine = engine;
  }

  /**
   * The content, not to be written to.
   * @throws EIO it is damaged or missing
   */
  content(id: ChunkId): Promise<Uint8Array> {
    const known = this.#cache.get(id);
    if (known !== undefined) {
      this.#cache.delete(id);
      this.#cache.set(id, known);
      return known;
    }
    return this.#remember(id, this.#read(id));
  }

  /** Keeps a content that is likely to be asked for. Nobody may write to it any more. */
  keep(id: ChunkId, content: Uint8Array): void {
    if (!this.#cache.has(id)) void this.#remember(id, Promise.resolve(content));
  }

  /**
   * Lets somebody copy from a content, now and not later: its memory is used again.
   * @throws EIO it is damaged or missing
   */
  use(id: ChunkId, visit: (content: Uint8Array) => void): Promise<void> {
    return this.#slots.use(id, visit);
  }

  /** Begins to read and unpack chunks that are about to be used, neighbours at once. */
  prepare(ids: readonly ChunkId[]): void {
    this.#slots.prepare(ids);
  }

  /**
   * Fetches those of the chunks that are small, neighbours at once: they are about to be asked for. Where one cannot be
   * had, whoever asks for it is told.
   */
  async fetch(ids: readonly ChunkId[]): Promise<void> {
    const placed: PlacedChunk[] = [];
    for (const id of ids) {
      const place = this.#cache.has(id) ? undefined : await this.#index.find(id);
      if (place !== undefined && place.length <= SMALL_RECORD) placed.push({ id, ...place });
    }
    for (const span of spansOf(placed.sort(byPlace))) if (span.length > 1) await this.#fetchSpan(span);
  }

  /** The record of a chunk as it stands in its pack. @throws EIO it is missing */
  async record(id: ChunkId): Promise<Uint8Array> {
    for (let look = 1; ; look++) {
      const place = await this.#index.find(id);
      try {
        if (place === undefined) throw new CkptError('EIO', `chunk ${id} is missing: no pack holds it`);
        return await this.#readRecord(place);
      } catch (error) {
        // It may be in a pack that came after we looked: twice, for a list that others change meanwhile may show neither a
        // pack nor the one that its chunks were moved to. Or a collector has just moved it.
        const isElsewhere = place === undefined ? look <= 2 : isGone(error) && look < LOOKS;
        if (!isElsewhere) throw error;
        await this.#index.refresh();
      }
    }
  }

  /** Whether a chunk can be read at this place, whatever is known of it. */
  async isSound(id: ChunkId, place: ChunkPlace): Promise<boolean> {
    try {
      await this.#engine.open(id, await this.#readRecord(place));
      return true;
    } catch (error) {
      if (isSpoiled(error)) return false;
      throw error;
    }
  }

  async #fetchSpan(span: readonly PlacedChunk[]): Promise<void> {
    const { pack, offset } = span[0]!;
    let bytes: Uint8Array;
    try {
      bytes = await this.#backend.read(packName(pack), offset, endOf(span.at(-1)!) - offset);
    } catch (error) {
      if (!isCkptError(error)) throw error;
      return; // each is asked for by itself
    }
    for (const { id, offset: at, length } of span) {
      // A copy: the engine may take it away.
      const record = new Uint8Array(bytes.subarray(at - offset, at - offset + length));
      this.#remember(id, this.#engine.open(id, record)).catch(() => undefined);
    }
  }

  #remember(id: ChunkId, reading: Promise<Uint8Array>): Promise<Uint8Array> {
    this.#cache.set(id, reading);
    // It may have been given up, or read once more, before it came.
    const isKept = (): boolean => this.#cache.get(id) === reading;
    reading.then(
      (content) => isKept() && this.#makeRoom(id, content.length),
      () => isKept() && this.#giveUp(id),
    );
    return reading;
  }

  /** Never throws: whoever uses one of them is told. */
  async #loadGroup(group: readonly Loading[]): Promise<void> {
    const placed: PlacedLoading[] = [];
    const single: Loading[] = [];
    for (const loading of group) {
      const place = await this.#index.find(loading.id).catch(() => undefined);
      if (place === undefined || place.length > RECORD_LIMIT) single.push(loading);
      else placed.push({ ...place, id: loading.id, loading });
    }
    const spans = [...spansOf(placed.sort(byPlace))].map((span) => this.#loadSpan(span));
    await Promise.all([...spans, ...single.map((loading) => this.#loadOne(loading))]);
  }

  async #loadSpan(span: readonly PlacedLoading[]): Promise<void> {
    const { pack, offset } = span[0]!;
    const records = span.map(({ id, offset: at, length, loading }) => {
      const start = at - offset;
      return { id, start, end: start + length, target: loading.place() };
    });
    try {
      const sizes = await this.#openAll(packName(pack), offset, records);
      for (const [index, { loading }] of span.entries())
        loading.loaded(records[index]!.target.subarray(0, sizes[index]));
    } catch {
      // One of them is damaged or larger than any of ours, or was moved to another pack. Each by itself: that tells
      // which, and why.
      await Promise.all(span.map(({ loading }) => this.#loadOne(loading)));
    }
  }

  /** @param records from byte `position` of the object on */
  async #openAll(name: string, position: number, records: readonly RecordPlace[]): Promise<Uint32Array> {
    const length = records.at(-1)!.end;
    const object = await this.#backend.open?.(name);
    if (object === undefined)
      return this.#engine.openAll(await this.#backend.read(name, position, length), records);
    try {
      return await this.#engine.openAll({ fd: object.fd, position, length }, records);
    } finally {
      await object.close();
    }
  }

  async #loadOne({ id, place, loaded, failed }: Loading): Promise<void> {
    try {
      loaded(await this.#read(id, place));
    } catch (error) {
      failed(error);
    }
  }

  async #read(id: ChunkId, target?: Target): Promise<Uint8Array> {
    try {
      return await this.#open(id, await this.record(id), target);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#readCopy(id, target, error);
    }
  }

  /** Another pack may hold it, too: two writers at once, or one that collected garbage and died. @param damage of the first */
  async #readCopy(id: ChunkId, target: Target | undefined, damage: unknown): Promise<Uint8Array> {
    const places = await this.#index.places(id);
    for (const place of places) {
      try {
        return await this.#open(id, await this.#readRecord(place), target);
      } catch (error) {
        if (!isSpoiled(error)) throw error;
      }
    }
    const first = places[0];
    throw first === undefined ? damage : at(damage, { path: packName(first.pack), position: first.offset });
  }

  #open(id: ChunkId, record: Uint8Array, target?: Target): Promise<Uint8Array> {
    return this.#engine.open(id, record, target?.(decodeChunkHeader(record)?.size ?? 0));
  }

  #readRecord({ pack, offset, length }: ChunkPlace): Promise<Uint8Array> {
    if (length > RECORD_LIMIT)
      throw new CkptError('EIO', `the index says that a chunk takes ${length} bytes; it is damaged`, {
        path: packName(pack),
      });
    return this.#backend.read(packName(pack), offset, length);
  }

  /** @param id what has just come, of so many bytes */
  #makeRoom(id: ChunkId, size: number): void {
    this.#cached += size - (this.#sizes.get(id) ?? 0);
    this.#sizes.set(id, size);
    for (const [oldest] of this.#cache) {
      if (this.#cached <= CACHE_SIZE || oldest === id) break;
      this.#giveUp(oldest);
    }
  }

  #giveUp(id: ChunkId): void {
    this.#cache.delete(id);
    this.#cached -= this.#sizes.get(id) ?? 0;
    this.#sizes.delete(id);
  }
}

const endOf = ({ offset, length }: ChunkPlace): number => offset + length;

const byPlace = (a: ChunkPlace, b: ChunkPlace): number =>
  a.pack === b.pack ? a.offset - b.offset : a.pack < b.pack ? -1 : 1;

/** Groups of neighbours. @param placed by pack and offset */
function* spansOf<Placed extends ChunkPlace>(placed: readonly Placed[]): Iterable<Placed[]> {
  let span: Placed[] = [];
  for (const chunk of placed) {
    const [first, last] = [span[0], span.at(-1)];
    const isNear =
      first !== undefined &&
      last !== undefined &&
      first.pack === chunk.pack &&
      chunk.offset - endOf(last) <= SPAN_GAP &&
      endOf(chunk) - first.offset <= SPAN_SIZE;
    if (!isNear && span.length > 0) {
      yield span;
      span = [];
    }
    span.push(chunk);
  }
  if (span.length > 0) yield span;
}
