import { PAGE_SIZE } from '@ckptree/model';

/** 2^32 divided by the golden ratio, odd: the increment of a Weyl sequence (Steele, Lea, Flood 2014, SplitMix). */
const GOLDEN_GAMMA = 0x9e37_79b9;

/** A permutation of the 32-bit integers in which each input bit changes half of the output bits (fmix32 of MurmurHash3). */
export function mix32(value: number): number {
  let h = value ^ (value >>> 16);
  h = Math.imul(h, 0x85eb_ca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The `n`th 32-bit number of the random sequence that belongs to `seed`. There is no generator to keep: the number
 * of the draw is all of its state.
 */
export const draw = (seed: number, n: number): number => mix32(seed + Math.imul(n, GOLDEN_GAMMA));

/** `words` 32-bit numbers that follow from `seed`, faster than as many draws (xorshift32, Marsaglia 2003). */
export function drawWords(seed: number, words: number): Uint32Array {
  const values = new Uint32Array(words);
  // 0 is the one state that xorshift never leaves.
  let x = mix32(seed) | 1;
  for (let n = 0; n < words; n++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    values[n] = x;
  }
  return values;
}

/** A page of random bytes, the same for the same seed. */
export const randomPage = (seed: number): Uint8Array => bytesOf(drawWords(seed, PAGE_SIZE / 4));

/** One step of a 32-bit checksum over words, in which order matters (FNV-1a). */
export const fold = (sum: number, word: number): number => Math.imul(sum ^ word, 0x0100_0193) >>> 0;

export const bytesOf = (words: Uint32Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
