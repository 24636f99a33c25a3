import { CkptError } from '@ckptree/errors';
import type { ObjectBackend, ObjectInfo } from '../backend/object-backend.js';
import { type ChunkId, type ContentHash, HASH_SIZE } from '../content-hash.js';
import type { PackId } from '../pack/pack-format.js';
import type { ChunkPlace } from './chunk-place.js';
import { type EntrySum, EntrySums } from './entry-sums.js';
import { ENTRY_SIZE, firstEntryFrom, PACK_AT, placeAt } from './raw-entries.js';

/**
 * A sorted table of chunks in one object, so that a lookup reads one block and memory holds one line for each block.
 * Numbers are little-endian.
 *
 *     "ckptindx" version(4) packs(4) entries(4) zero(4)          header, 24 bytes
 *     pack id(16) ...                                            the packs that it covers
 *     first id prefix(8), block digest(16) ...                   one for each block
 *     digest(32)                                                 of all above
 *     blocks: entries (raw-entries.ts), BLOCK_ENTRIES each
 *
 * Digests are keyed in an encrypted store.
 */
const MAGIC = Buffer.from('ckptindx', 'latin1');
const VERSION = 1;
export const INDEX_HEADER_SIZE = 24;
const PACK_ID_SIZE = 16;
const PREFIX_SIZE = 8;
const BLOCK_DIGEST_SIZE = 16;
const BLOCK_LINE_SIZE = PREFIX_SIZE + BLOCK_DIGEST_SIZE;
const BLOCK_ENTRIES = 64;
const BLOCK_SIZE = BLOCK_ENTRIES * ENTRY_SIZE;
/** Bytes: what the tables of an index may take. 64 times as many chunks as the ten million that it is made for. */
const TABLES_LIMIT = 512 * 1024 * 1024;

/** Blocks that are read at once, at most: 700 KiB. */
const READ_BLOCKS = 256;
/** Blocks that are kept in memory: 11 MiB. */
const CACHED_BLOCKS = 4096;

/** @param groups entries as mergeEntries() gives them, of these packs only. @returns the object, in parts */
export async function encodeIndex(
  packs: readonly PackId[],
  groups: AsyncIterable<Buffer>,
  hash: ContentHash,
): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  const lines: Buffer[] = [];
  let count = 0;
  for await (const block of blocksOf(groups)) {
    blocks.push(block);
    count += block.length / ENTRY_SIZE;
    for (let at = 0; at < block.length; at += BLOCK_SIZE)
      lines.push(lineOf(block.subarray(at, at + BLOCK_SIZE), hash));
  }
  const header = Buffer.alloc(INDEX_HEADER_SIZE);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(packs.length, 12);
  header.writeUInt32LE(count, 16);
  const tables = Buffer.concat([header, Buffer.from(packs.join(''), 'hex'), ...lines]);
  return [tables, hash.digest(tables), ...blocks];
}

const lineOf = (block: Buffer, hash: ContentHash): Buffer =>
  Buffer.concat([block.subarray(0, PREFIX_SIZE), hash.digest(block).subarray(0, BLOCK_DIGEST_SIZE)]);

/** The same entries in whole blocks, but for the last. */
async function* blocksOf(groups: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const group of groups) {
    const entries = rest.length === 0 ? group : Buffer.concat([rest, group]);
    const whole = entries.length - (entries.length % BLOCK_SIZE);
    if (whole > 0) yield entries.subarray(0, whole);
    rest = entries.subarray(whole);
  }
  if (rest.length > 0) yield rest;
}

export class IndexFile {
  /** Of its object. */
  readonly name: string;
  readonly packs: readonly PackId[];
  readonly entries: number;
  readonly #backend: ObjectBackend;
  readonly #hash: ContentHash;
  /** Prefix and digest of each block. */
  readonly #lines: Buffer;
  readonly #blocksAt: number;
  /** Least recently used first. */
  readonly #cache = new Map<number, Buffer>();

  private constructor(
    backend: ObjectBackend,
    name: string,
    hash: ContentHash,
    tables: Buffer,
    counts: Counts,
  ) {
    this.#backend = backend;
    this.name = name;
    this.#hash = hash;
    this.entries = counts.entries;
    const packsEnd = INDEX_HEADER_SIZE + counts.packs * PACK_ID_SIZE;
    this.packs = Array.from({ length: counts.packs }, (_, number) =>
      tables.toString(
        'hex',
        INDEX_HEADER_SIZE + number * PACK_ID_SIZE,
        INDEX_HEADER_SIZE + (number + 1) * PACK_ID_SIZE,
      ),
    );
    this.#lines = tables.subarray(packsEnd);
    this.#blocksAt = tables.length + HASH_SIZE;
  }

  /** @throws EIO it is damaged; ENOENT there is no such index */
  static async open(
    backend: ObjectBackend,
    name: string,
    size: number,
    hash: ContentHash,
  ): Promise<IndexFile> {
    const header = Buffer.from(await backend.read(name, 0, INDEX_HEADER_SIZE));
    const counts = decodeHeader(name, header, size);
    const tables = Buffer.from(await backend.read(name, 0, counts.tables));
    const digest = await backend.read(name, counts.tables, HASH_SIZE);
    if (!hash.digest(tables).equals(digest)) throw damaged(name, 'its tables have another hash');
    return new IndexFile(backend, name, hash, tables, counts);
  }

  /**
   * Every place of each chunk that this index knows.
   * @param ids in order they cost least: neighbours are read together
   * @throws EIO it is damaged
   */
  async findAll(ids: readonly ChunkId[]): Promise<ChunkPlace[][]> {
    const wanted = ids.map((id) => Buffer.from(id, 'hex'));
    const ranges = wanted.map((id) => this.#blocksFor(id));
    const blocks = await this.#load(ranges);
    return wanted.map((id, index) => {
      const { first, behind } = ranges[index]!;
      const found: ChunkPlace[] = [];
      for (let number = first; number < behind; number++) this.#addPlaces(found, blocks.get(number)!, id);
      return found;
    });
  }

  /** From the last block that starts below the id, which may end with it, to those that may start with it. */
  #blocksFor(id: Buffer): BlockRange {
    let [low, high] = [0, this.#blocks];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, id) < 0) low = middle + 1;
      else high = middle;
    }
    let behind = low;
    while (behind < this.#blocks && this.#compare(behind, id) === 0) behind++;
    return { first: Math.max(0, low - 1), behind };
  }

  #addPlaces(found: ChunkPlace[], block: Buffer, id: Buffer): void {
    for (let at = firstEntryFrom(block, id); at < block.length; at += ENTRY_SIZE) {
      if (block.compare(id, 0, HASH_SIZE, at, at + HASH_SIZE) !== 0) return;
      found.push(placeAt(block, at, this.packs));
    }
  }

  /** All entries as they stand there, in groups. @throws EIO it is damaged */
  async *groups(): AsyncIterable<Buffer> {
    for (let number = 0; number < this.#blocks; number += READ_BLOCKS)
      yield await this.#readBlocks(number, Math.min(READ_BLOCKS, this.#blocks - number));
  }

  get #blocks(): number {
    return this.#lines.length / BLOCK_LINE_SIZE;
  }

  /** How the first id of a block, as far as it is known, compares with an id: below 0, 0, above 0. */
  #compare(number: number, id: Buffer): number {
    const line = number * BLOCK_LINE_SIZE;
    return this.#lines.compare(id, 0, PREFIX_SIZE, line, line + PREFIX_SIZE);
  }

  /** The blocks of all ranges, by number. */
  async #load(ranges: readonly BlockRange[]): Promise<ReadonlyMap<number, Buffer>> {
    const loaded = new Map<number, Buffer>();
    const missing = new Set<number>();
    for (const { first, behind } of ranges)
      for (let number = first; number < behind; number++) {
        const known = this.#cache.get(number);
        if (known === undefined) missing.add(number);
        else loaded.set(number, known);
      }
    for (const number of loaded.keys()) this.#cache.delete(number);
    for (const { first, behind } of stretchesOf([...missing].sort((a, b) => a - b))) {
      const blocks = await this.#readBlocks(first, behind - first);
      for (let number = first; number < behind; number++)
        loaded.set(number, blocks.subarray((number - first) * BLOCK_SIZE, (number - first + 1) * BLOCK_SIZE));
    }
    for (const [number, block] of loaded) this.#cache.set(number, block);
    for (const number of this.#cache.keys()) {
      if (this.#cache.size <= CACHED_BLOCKS) break;
      this.#cache.delete(number);
    }
    return loaded;
  }

  /** Blocks that follow on each other, checked. */
  async #readBlocks(first: number, count: number): Promise<Buffer> {
    const entries = Math.min(count * BLOCK_ENTRIES, this.entries - first * BLOCK_ENTRIES);
    const position = this.#blocksAt + first * BLOCK_SIZE;
    const blocks = Buffer.from(await this.#backend.read(this.name, position, entries * ENTRY_SIZE));
    for (let number = first; number < first + count; number++) {
      const at = (number - first) * BLOCK_SIZE;
      const line = number * BLOCK_LINE_SIZE + PREFIX_SIZE;
      const digest = this.#hash.digest(blocks.subarray(at, at + BLOCK_SIZE)).subarray(0, BLOCK_DIGEST_SIZE);
      if (!digest.equals(this.#lines.subarray(line, line + BLOCK_DIGEST_SIZE)))
        throw damaged(this.name, `block ${number} has another hash`);
    }
    return blocks;
  }
}

/** Blocks from `first` to before `behind`. */
interface BlockRange {
  readonly first: number;
  readonly behind: number;
}

/** Numbers that ascend, as ranges of at most READ_BLOCKS. */
function* stretchesOf(numbers: readonly number[]): Iterable<BlockRange> {
  let index = 0;
  while (index < numbers.length) {
    const first = numbers[index]!;
    let behind = first;
    while (numbers[index] === behind && behind - first < READ_BLOCKS) {
      behind++;
      index++;
    }
    yield { first, behind };
  }
}

interface Counts {
  readonly packs: number;
  readonly entries: number;
  /** Bytes of the tables. */
  readonly tables: number;
}

/** Whether bytes of this size may be an index that begins so. @throws EIO they are not */
export function checkIndexHeader(name: string, header: Buffer, size: number): void {
  decodeHeader(name, header, size);
}

function decodeHeader(name: string, header: Buffer, size: number): Counts {
  if (
    header.length < INDEX_HEADER_SIZE ||
    !header.subarray(0, 8).equals(MAGIC) ||
    header.readUInt32LE(8) !== VERSION
  )
    throw damaged(name, 'its header is not sound');
  const packs = header.readUInt32LE(12);
  const entries = header.readUInt32LE(16);
  const blocks = Math.ceil(entries / BLOCK_ENTRIES);
  const tables = INDEX_HEADER_SIZE + packs * PACK_ID_SIZE + blocks * BLOCK_LINE_SIZE;
  if (tables > TABLES_LIMIT || tables + HASH_SIZE + entries * ENTRY_SIZE !== size)
    throw damaged(name, 'its counts do not agree with its size');
  return { packs, entries, tables };
}

const damaged = (name: string, what: string): CkptError =>
  new CkptError(
    'EIO',
    `index ${name} is damaged: ${what}; \`ckptree store repair\` rebuilds it from the packs`,
    { path: name },
  );

/**
 * The whole of an index, checked: by itself, and against the packs.
 * @param tables what the packs' own tables say, of those that could be read; of others nobody knows
 * @throws EIO it is damaged or wrong; ENOENT it is gone
 */
export async function checkIndex(
  backend: ObjectBackend,
  { name, size }: ObjectInfo,
  hash: ContentHash,
  tables: ReadonlyMap<PackId, EntrySum>,
): Promise<void> {
  const index = await IndexFile.open(backend, name, size, hash);
  const sums = new EntrySums(index.packs.length);
  let last: Buffer = Buffer.alloc(HASH_SIZE);
  for await (const group of index.groups())
    for (let at = 0; at < group.length; at += ENTRY_SIZE) {
      const id = group.subarray(at, at + HASH_SIZE);
      if (id.compare(last) < 0) throw damaged(name, 'its entries are not in order');
      if (group.readUInt32LE(at + PACK_AT) >= index.packs.length)
        throw damaged(name, 'an entry is of no pack that it covers');
      sums.add(group, at);
      last = id;
    }
  for (const [number, pack] of index.packs.entries()) {
    const table = tables.get(pack);
    if (table !== undefined && table !== sums.of(number))
      throw damaged(name, `what it says of pack ${pack} is not what that pack's table says`);
  }
}
