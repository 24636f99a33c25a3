import { recordLength } from '../chunk.js';
import type { PackEntry } from '../pack/pack-format.js';
import { ENTRY_SIZE, PACK_AT, writeEntry } from './raw-entries.js';

/**
 * What a table says of a pack, in a few bytes: the number of its entries and a sum over what each is hashed to. The order of
 * the entries does not matter, so that an index, which is sorted by ids, is compared with the tables of its packs in one pass
 * over each. It finds mistakes; who wants to deceive is kept out by the digests.
 */
export type EntrySum = string;

/** @param entries all of a pack */
export function sumOfPack(entries: readonly PackEntry[]): EntrySum {
  const sums = new EntrySums(1);
  const raw = Buffer.alloc(ENTRY_SIZE);
  for (const entry of entries) {
    writeEntry(raw, 0, 0, { id: entry.id, offset: entry.offset, length: recordLength(entry) });
    sums.add(raw, 0);
  }
  return sums.of(0);
}

/** Those of several packs at once, by their numbers. */
export class EntrySums {
  readonly #counts: Uint32Array;
  /** Two sums for each pack, modulo 2^32. */
  readonly #sums: Uint32Array;

  constructor(packs: number) {
    this.#counts = new Uint32Array(packs);
    this.#sums = new Uint32Array(2 * packs);
  }

  /** @param at position of the entry */
  add(entries: Buffer, at: number): void {
    const pack = entries.readUInt32LE(at + PACK_AT);
    let [first, second] = [1, 2];
    for (let word = at; word < at + ENTRY_SIZE; word += 4) {
      if (word === at + PACK_AT) continue;
      const bits = entries.readInt32LE(word);
      first = mixed(first ^ bits);
      second = mixed(second + bits);
    }
    this.#counts[pack]!++;
    this.#sums[2 * pack]! += first;
    this.#sums[2 * pack + 1]! += second;
  }

  of(pack: number): EntrySum {
    return [this.#counts[pack], this.#sums[2 * pack], this.#sums[2 * pack + 1]].join(' ');
  }
}

/** The end of MurmurHash3: each bit of 32 depends on all. */
function mixed(bits: number): number {
  let mix = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2_ae35);
  return mix ^ (mix >>> 16);
}
