import { HASH_SIZE, hexId } from '../content-hash.js';
import type { PackId } from '../pack/pack-format.js';
import type { ChunkPlace, IndexEntry } from './chunk-place.js';

/**
 * Entries of an index as they stand in it: id(32) pack number(4) offset(4) length(4), ascending by id. There may be ten
 * million of them, so they are merged as bytes, without an object for each.
 */
export const ENTRY_SIZE = HASH_SIZE + 12;
/** Where in an entry the number of its pack is. */
export const PACK_AT = HASH_SIZE;
const OFFSET_AT = HASH_SIZE + 4;
const LENGTH_AT = HASH_SIZE + 8;

/** Entries that are handed on at once. */
const GROUP = 4096;

/** A pack that is gone, in a table that numbers packs anew. */
const GONE = -1;

export function placeAt(entries: Buffer, at: number, packs: readonly PackId[]): ChunkPlace {
  return {
    pack: packs[entries.readUInt32LE(at + PACK_AT)]!,
    offset: entries.readUInt32LE(at + OFFSET_AT),
    length: entries.readUInt32LE(at + LENGTH_AT),
  };
}

export function* decodeEntries(entries: Buffer, packs: readonly PackId[]): Iterable<IndexEntry> {
  for (let at = 0; at < entries.length; at += ENTRY_SIZE)
    yield { id: hexId(entries.subarray(at, at + HASH_SIZE)), ...placeAt(entries, at, packs) };
}

export function writeEntry(
  entries: Buffer,
  at: number,
  pack: number,
  { id, offset, length }: Omit<IndexEntry, 'pack'>,
): void {
  entries.write(id, at, 'hex');
  entries.writeUInt32LE(pack, at + PACK_AT);
  entries.writeUInt32LE(offset, at + OFFSET_AT);
  entries.writeUInt32LE(length, at + LENGTH_AT);
}

/** Position of the first entry whose id is not below the wanted one. */
export function firstEntryFrom(entries: Buffer, wanted: Buffer): number {
  let [low, high] = [0, entries.length / ENTRY_SIZE];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = middle * ENTRY_SIZE;
    if (entries.compare(wanted, 0, HASH_SIZE, at, at + HASH_SIZE) < 0) low = middle + 1;
    else high = middle;
  }
  return low * ENTRY_SIZE;
}

/** Sorts chunks with their places. @param numbers of the packs; places in others are left out */
export function encodeEntries(
  chunks: ReadonlyMap<string, readonly ChunkPlace[]>,
  numbers: ReadonlyMap<PackId, number>,
): Buffer {
  const ids = [...chunks.keys()].sort();
  let count = 0;
  for (const places of chunks.values()) count += places.length;
  const entries = Buffer.allocUnsafe(count * ENTRY_SIZE);
  let at = 0;
  for (const id of ids)
    for (const { pack, offset, length } of chunks.get(id)!) {
      const number = numbers.get(pack);
      if (number === undefined) continue;
      writeEntry(entries, at, number, { id, offset, length });
      at += ENTRY_SIZE;
    }
  return entries.subarray(0, at);
}

/** The number in a new table of each pack of an old one. */
export const renumbered = (packs: readonly PackId[], numbers: ReadonlyMap<PackId, number>): Int32Array =>
  Int32Array.from(packs, (pack) => numbers.get(pack) ?? GONE);

/**
 * Merges sorted entries with others that come in groups; of those, packs get new numbers, and what is in a pack that is
 * gone is left out.
 */
export async function* mergeEntries(
  groups: AsyncIterable<Buffer>,
  newNumbers: Int32Array,
  entries: Buffer,
): AsyncIterable<Buffer> {
  const out = new EntryGroup();
  let next = 0;
  for await (const group of groups)
    for (let at = 0; at < group.length; at += ENTRY_SIZE) {
      while (next < entries.length && isBelow(entries, next, group, at)) {
        out.add(entries, next);
        next += ENTRY_SIZE;
        if (out.isFull) yield out.take();
      }
      const number = newNumbers[group.readUInt32LE(at + PACK_AT)] ?? GONE;
      if (number === GONE) continue;
      out.add(group, at, number);
      if (out.isFull) yield out.take();
    }
  yield out.take();
  yield entries.subarray(next);
}

const isBelow = (a: Buffer, aStart: number, b: Buffer, bStart: number): boolean =>
  a.compare(b, bStart, bStart + HASH_SIZE, aStart, aStart + HASH_SIZE) < 0;

class EntryGroup {
  #bytes = Buffer.allocUnsafe(GROUP * ENTRY_SIZE);
  #used = 0;

  get isFull(): boolean {
    return this.#used === this.#bytes.length;
  }

  add(from: Buffer, at: number, pack?: number): void {
    from.copy(this.#bytes, this.#used, at, at + ENTRY_SIZE);
    if (pack !== undefined) this.#bytes.writeUInt32LE(pack, this.#used + PACK_AT);
    this.#used += ENTRY_SIZE;
  }

  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#used);
    this.#bytes = Buffer.allocUnsafe(GROUP * ENTRY_SIZE);
    this.#used = 0;
    return taken;
  }
}
