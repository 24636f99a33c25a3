import { type Mm, PAGE_SIZE, type StoredPages } from '@ckptree/model';

/** Pages that are read at once from a file: 1 MiB, where larger reads are no faster. */
export const UNIT_PAGES = 256;

/** Stands for the number of a page: it is all zeros, and nobody has to bring it. */
export const ZERO_PAGES = -1;

/**
 * The distinct pages that a tree needs, numbered: those that are fetched together, a unit, have consecutive numbers.
 * A page that is needed in several places has one number.
 */
export interface PageSpace {
  /** The first number of each unit, and behind them how many numbers there are. */
  readonly firstPage: Int32Array;
  /** For each address space triples (address, first number or ZERO_PAGES, pages), ascending by address. */
  readonly pieces: ReadonlyMap<Mm<StoredPages>, Float64Array>;
  /** 1 for each number that is needed; absent when all are, in one place each, in the order of the pieces. */
  readonly needed?: Uint8Array;
}

/** Units of a page space in what is read by position. */
export interface Stretches {
  readonly space: PageSpace;
  /** Where each unit begins, in bytes. */
  readonly positions: Float64Array;
}

/** Cuts the runs of address spaces into units: pages that stand one behind the other, UNIT_PAGES at most. */
export function stretchesOf(mms: Iterable<Mm<StoredPages>>): Stretches {
  const firstPage: number[] = [];
  const positions: number[] = [];
  const pieces = new Map<Mm<StoredPages>, Float64Array>();
  let next = 0;
  /** Pages that the last unit can still take, if they begin at this position. */
  let room = 0;
  let expected = 0;
  for (const mm of mms) {
    const ofMm = mm.memory.runs.slice();
    for (let run = 0; run < ofMm.length; run += 3) {
      let position = ofMm[run + 1]!;
      if (position !== expected) room = 0;
      ofMm[run + 1] = next;
      for (let left = ofMm[run + 2]!; left > 0; ) {
        if (room === 0) {
          firstPage.push(next);
          positions.push(position);
          room = UNIT_PAGES;
        }
        const pages = Math.min(left, room);
        next += pages;
        left -= pages;
        room -= pages;
        position += pages * PAGE_SIZE;
      }
      expected = position;
    }
    pieces.set(mm, ofMm);
  }
  firstPage.push(next);
  const space = { firstPage: Int32Array.from(firstPage), pieces };
  return { space, positions: Float64Array.from(positions) };
}
