import { CkptError } from '@ckptree/errors';
import type { ObjectBackend } from '../backend/object-backend.js';
import { type ChunkId, type ContentHash, HASH_SIZE, hexId } from '../content-hash.js';
import type { PackId } from '../pack/pack-format.js';

/**
 * A sorted table of chunks in one object, so that a lookup reads one block and memory holds one line for each block.
 * Numbers are little-endian.
 *
 *     "ckptindx" version(4) packs(4) entries(4) zero(4)          header, 24 bytes
 *     pack id(16) ...                                            the packs that it covers
 *     first id prefix(8), block digest(16) ...                   one for each block
 *     digest(32)                                                 of all above
 *     blocks: id(32) pack number(4) offset(4) length(4) ...      BLOCK_ENTRIES each, ascending by id
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
const ENTRY_SIZE = 44;
const BLOCK_ENTRIES = 64;
/** Bytes: what the tables of an index may take. 64 times as many chunks as the ten million that it is made for. */
const TABLES_LIMIT = 512 * 1024 * 1024;

/** Blocks that are kept in memory: 11 MiB. */
const CACHED_BLOCKS = 4096;

/** Where a chunk's record is. */
export interface ChunkPlace {
  readonly pack: PackId;
  readonly offset: number;
  /** Bytes of the record. */
  readonly length: number;
}

export interface IndexEntry extends ChunkPlace {
  readonly id: ChunkId;
}

/** @param entries ascending by id, of these packs only. @returns the object, in parts */
export async function encodeIndex(
  packs: readonly PackId[],
  entries: AsyncIterable<IndexEntry>,
  hash: ContentHash,
): Promise<Buffer[]> {
  const numbers = new Map(packs.map((pack, number) => [pack, number]));
  const blocks: Buffer[] = [];
  for await (const block of encodeBlocks(entries, numbers)) blocks.push(block);
  const count = blocks.reduce((sum, block) => sum + block.length / ENTRY_SIZE, 0);
  const header = Buffer.alloc(INDEX_HEADER_SIZE);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(packs.length, 12);
  header.writeUInt32LE(count, 16);
  const lines = blocks.map((block) =>
    Buffer.concat([block.subarray(0, PREFIX_SIZE), hash.digest(block).subarray(0, BLOCK_DIGEST_SIZE)]),
  );
  const tables = Buffer.concat([header, Buffer.from(packs.join(''), 'hex'), ...lines]);
  return [tables, hash.digest(tables), ...blocks];
}

async function* encodeBlocks(
  entries: AsyncIterable<IndexEntry>,
  packs: ReadonlyMap<PackId, number>,
): AsyncIterable<Buffer> {
  let block = Buffer.alloc(BLOCK_ENTRIES * ENTRY_SIZE);
  let used = 0;
  for await (const { id, pack, offset, length } of entries) {
    block.write(id, used, 'hex');
    block.writeUInt32LE(packs.get(pack)!, used + HASH_SIZE);
    block.writeUInt32LE(offset, used + HASH_SIZE + 4);
    block.writeUInt32LE(length, used + HASH_SIZE + 8);
    used += ENTRY_SIZE;
    if (used === block.length) {
      yield block;
      block = Buffer.alloc(BLOCK_ENTRIES * ENTRY_SIZE);
      used = 0;
    }
  }
  if (used > 0) yield block.subarray(0, used);
}

export class IndexFile {
  readonly packs: readonly PackId[];
  readonly entries: number;
  readonly #backend: ObjectBackend;
  readonly #name: string;
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
    this.#name = name;
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

  /** Every place of a chunk that this index knows. @throws EIO it is damaged */
  async find(id: ChunkId): Promise<ChunkPlace[]> {
    const wanted = Buffer.from(id, 'hex');
    const found: ChunkPlace[] = [];
    for (let number = this.#firstBlockFor(wanted); number < this.#blocks; number++) {
      if (this.#prefix(number).compare(wanted, 0, PREFIX_SIZE) > 0) break;
      const block = await this.#block(number);
      for (let at = firstEntryFrom(block, wanted); at < block.length; at += ENTRY_SIZE) {
        if (block.compare(wanted, 0, HASH_SIZE, at, at + HASH_SIZE) !== 0) break;
        found.push(this.#place(block, at));
      }
    }
    return found;
  }

  /** All entries, ascending by id. @throws EIO it is damaged */
  async *all(): AsyncIterable<IndexEntry> {
    for (let number = 0; number < this.#blocks; number++) {
      const block = await this.#readBlock(number);
      for (let at = 0; at < block.length; at += ENTRY_SIZE)
        yield { id: hexId(block.subarray(at, at + HASH_SIZE)), ...this.#place(block, at) };
    }
  }

  get #blocks(): number {
    return this.#lines.length / BLOCK_LINE_SIZE;
  }

  #prefix(number: number): Buffer {
    return this.#lines.subarray(number * BLOCK_LINE_SIZE, number * BLOCK_LINE_SIZE + PREFIX_SIZE);
  }

  /** The last block that starts below the wanted prefix, for the id may be in its end; else the first. */
  #firstBlockFor(wanted: Buffer): number {
    let [low, high] = [0, this.#blocks];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#prefix(middle).compare(wanted, 0, PREFIX_SIZE) < 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  async #block(number: number): Promise<Buffer> {
    const known = this.#cache.get(number);
    if (known !== undefined) this.#cache.delete(number);
    const block = known ?? (await this.#readBlock(number));
    this.#cache.set(number, block);
    if (this.#cache.size > CACHED_BLOCKS) this.#cache.delete(this.#cache.keys().next().value!);
    return block;
  }

  async #readBlock(number: number): Promise<Buffer> {
    const length = Math.min(BLOCK_ENTRIES, this.entries - number * BLOCK_ENTRIES) * ENTRY_SIZE;
    const position = this.#blocksAt + number * BLOCK_ENTRIES * ENTRY_SIZE;
    const block = Buffer.from(await this.#backend.read(this.#name, position, length));
    const line = number * BLOCK_LINE_SIZE + PREFIX_SIZE;
    const digest = this.#lines.subarray(line, line + BLOCK_DIGEST_SIZE);
    if (!this.#hash.digest(block).subarray(0, BLOCK_DIGEST_SIZE).equals(digest))
      throw damaged(this.#name, `block ${number} has another hash`);
    return block;
  }

  #place(block: Buffer, at: number): ChunkPlace {
    return {
      pack: this.packs[block.readUInt32LE(at + HASH_SIZE)]!,
      offset: block.readUInt32LE(at + HASH_SIZE + 4),
      length: block.readUInt32LE(at + HASH_SIZE + 8),
    };
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

/** Position of the first entry whose id is not below the wanted one. */
function firstEntryFrom(block: Buffer, wanted: Buffer): number {
  let [low, high] = [0, block.length / ENTRY_SIZE];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * ENTRY_SIZE;
    if (block.compare(wanted, 0, HASH_SIZE, at, at + HASH_SIZE) < 0) low = middle + 1;
    else high = middle;
  }
  return low * ENTRY_SIZE;
}

const damaged = (name: string, what: string): CkptError =>
  new CkptError('EIO', `index ${name} is damaged: ${what}; it can be rebuilt from the packs`, { path: name });

/** The whole of an index, checked. @throws EIO it is damaged */
export async function checkIndex(
  backend: ObjectBackend,
  name: string,
  size: number,
  hash: ContentHash,
): Promise<void> {
  const index = await IndexFile.open(backend, name, size, hash);
  let last = '';
  for await (const { id, pack } of index.all()) {
    if (id < last || pack === undefined) throw damaged(name, 'its entries are not in order');
    last = id;
  }
}
