import { LEAF_ENTRIES } from './memory.js';

/**
 * When pages were written: the soft-dirty bits of Linux, with an epoch in place of a bit. Each page of a leaf has a
 * stamp, the epoch in which it was last written; the leaf has the epoch in which anything in it last changed. They stand
 * in the words of the leaf's frame behind its entries, so that they are shared and copied with it.
 *
 * Stamps are 16 bits, relative to a base, and may be too late (then a page counts as written that was not), never too
 * early.
 */

/** First word of the stamps; two of them in a word. */
const STAMPS = LEAF_ENTRIES;
/** The epoch that a stamp of 0 means. */
const BASE = STAMPS + LEAF_ENTRIES / 2;
/** The epoch of the last change. */
const CHANGED = BASE + 1;

const STAMP_BITS = 16;
const STAMP_MASK = 2 ** STAMP_BITS - 1;

/** Epochs fit a word of a leaf. */
export const MAX_EPOCH = 2 ** 31 - 1;

/** The epoch in which a page was last written, or a later one. @param leaf index of the leaf's first word */
export function pageStamp(words: Int32Array, leaf: number, entry: number): number {
  const pair = words[leaf + STAMPS + (entry >>> 1)]!;
  return words[leaf + BASE]! + ((pair >>> ((entry & 1) * STAMP_BITS)) & STAMP_MASK);
}

/** The epoch in which a page of the leaf was last written, mapped or unmapped. */
export const leafStamp = (words: Int32Array, leaf: number): number => words[leaf + CHANGED]!;

/** @param epoch not before that of any earlier call for this leaf */
export function stampPage(words: Int32Array, leaf: number, entry: number, epoch: number): void {
  if (epoch - words[leaf + BASE]! > STAMP_MASK) rebase(words, leaf, epoch - 1);
  const at = leaf + STAMPS + (entry >>> 1);
  const shift = (entry & 1) * STAMP_BITS;
  const stamp = epoch - words[leaf + BASE]!;
  words[at] = (words[at]! & ~(STAMP_MASK << shift)) | (stamp << shift);
  words[leaf + CHANGED] = epoch;
}

export function stampLeaf(words: Int32Array, leaf: number, epoch: number): void {
  words[leaf + CHANGED] = epoch;
}

/** Moves all pages of a leaf to one stamp, not before their own. */
function rebase(words: Int32Array, leaf: number, epoch: number): void {
  words.fill(0, leaf + STAMPS, leaf + BASE);
  words[leaf + BASE] = epoch;
}
