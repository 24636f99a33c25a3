import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkSettings } from '@ckptree/store/chunk';
import type { FrameTable } from './frame-table.js';
import { type LoadProgress, newProgress } from './load-progress.js';
import type { PageSpace } from './page-space.js';
import { sharedWords } from './shared-words.js';

/** Where the contents of units are; plain data, which any thread can be handed. */
export type Origin = FileOrigin | ChunkOrigin;

/** Unit `u` stands in a file from `positions[u]` on. */
export interface FileOrigin {
  readonly kind: 'file';
  /** Host descriptor; any thread of the process may read from it. */
  readonly fd: number;
  readonly path: string;
  readonly positions: Float64Array;
}

/** Unit `u` is a chunk of a store. */
export interface ChunkOrigin {
  readonly kind: 'chunks';
  readonly settings: ChunkSettings;
  readonly packs: readonly { readonly fd: number; readonly name: string }[];
  /** Triples (index into `packs`, offset, length): the record of each unit's chunk. */
  readonly records: Float64Array;
  readonly ids: readonly string[];
}

/**
 * What is to be loaded, and into which frames, in shared memory: a load is handed to threads once and not unit by unit.
 * Each takes the next unit when it is done with its last.
 */
export interface LoadPlan {
  /** The first page number of each unit, and behind them how many numbers there are. */
  readonly firstPage: Int32Array;
  /** Index of the first run of each unit, and behind them how many there are. */
  readonly firstRun: Int32Array;
  /** Triples (byte offset in the unit's contents, first frame, frames); no run crosses arenas. */
  readonly runs: Int32Array;
  /**
   * By page number: 1 when the page turned out to be all zeros, and its frame was not written. Absent when every page is
   * to be written.
   */
  readonly zeros?: Uint8Array;
  /** How far it is; see load-progress.ts. */
  readonly progress: LoadProgress;
  /** What `Userfault` calls the first unit, of a load whose tasks run already. */
  readonly firstUnit?: number;
}

export function planLoad({ firstPage }: PageSpace, frames: FrameTable, findZeros: boolean): LoadPlan {
  const units = firstPage.length - 1;
  const firstRun = sharedWords(units + 1);
  const runs = new RunList();
  for (let unit = 0; unit < units; unit++) {
    firstRun[unit] = runs.count;
    const first = firstPage[unit]!;
    frames.each(first, firstPage[unit + 1]!, (frame, count, page) =>
      runs.push((page - first) * PAGE_SIZE, frame, count),
    );
  }
  firstRun[units] = runs.count;
  const pages = firstPage.at(-1)!;
  return {
    firstPage: shared(firstPage),
    firstRun,
    runs: shared(runs.triples),
    ...(findZeros && { zeros: new Uint8Array(new SharedArrayBuffer(pages)) }),
    progress: newProgress(units),
  };
}

export const unitsOf = ({ firstPage }: LoadPlan): number => firstPage.length - 1;

/** Pages of all units that are needed. */
export function neededPages({ runs }: LoadPlan): number {
  let pages = 0;
  for (let run = 2; run < runs.length; run += 3) pages += runs[run]!;
  return pages;
}

/** Goes through the frames of a unit. @param visit `offset` is that in the unit's contents, in bytes */
export function eachRun(
  { firstRun, runs }: LoadPlan,
  unit: number,
  visit: (frame: number, frames: number, offset: number) => void,
): void {
  for (let run = firstRun[unit]!; run < firstRun[unit + 1]!; run++)
    visit(runs[run * 3 + 1]!, runs[run * 3 + 2]!, runs[run * 3]!);
}

/** Bytes of the unit's contents that are needed at most. */
export const unitSize = ({ firstPage }: LoadPlan, unit: number): number =>
  (firstPage[unit + 1]! - firstPage[unit]!) * PAGE_SIZE;

/** Triples of numbers that grow in number. */
class RunList {
  #numbers = new Int32Array(3 * 1024);
  count = 0;

  get triples(): Int32Array {
    return this.#numbers.subarray(0, this.count * 3);
  }

  push(offset: number, frame: number, frames: number): void {
    if (this.count * 3 === this.#numbers.length) {
      const larger = new Int32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.count * 3] = offset;
    this.#numbers[this.count * 3 + 1] = frame;
    this.#numbers[this.count * 3 + 2] = frames;
    this.count++;
  }
}

function shared(words: Int32Array): Int32Array {
  const copy = sharedWords(words.length);
  copy.set(words);
  return copy;
}
