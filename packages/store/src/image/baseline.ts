import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import { type MemoryVersion, type PageRun, type Recipe, runsOf, ZERO_PAGES } from './recipe.js';

/** Stands for a chunk: pages of zeros. */
export const NO_CHUNK = -1;

/** @param chunk index into `Baseline.chunks`, or NO_CHUNK */
export type RunVisitor = (address: number, chunk: number, firstPage: number, pages: number) => void;

/**
 * A memory as the checkpoint before has it: where its pages are in the store, whether or not they are read. What is
 * known to be unchanged since is taken over from here, in long runs.
 */
export class Baseline {
  readonly incarnation: string;
  readonly epoch: number;
  readonly chunks: readonly ChunkId[];
  /** The runs by column, ascending by address. */
  readonly #addresses: Float64Array;
  readonly #chunks: Int32Array;
  readonly #firstPages: Uint32Array;
  /** Pages of all runs before each; one more at the end. */
  readonly #before: Float64Array;

  constructor(
    { incarnation, epoch }: MemoryVersion,
    runs: readonly (PageRun & { readonly id: ChunkId | undefined })[],
  ) {
    const rows = new Map<ChunkId, number>();
    const sorted = [...runs].sort((a, b) => a.address - b.address);
    this.incarnation = incarnation;
    this.epoch = epoch;
    this.#addresses = Float64Array.from(sorted, ({ address }) => address);
    this.#firstPages = Uint32Array.from(sorted, ({ firstPage }) => firstPage);
    this.#chunks = Int32Array.from(sorted, ({ id }) => (id === undefined ? NO_CHUNK : rowOf(rows, id)));
    this.#before = new Float64Array(sorted.length + 1);
    for (const [index, { pages }] of sorted.entries()) this.#before[index + 1] = this.#before[index]! + pages;
    this.chunks = [...rows.keys()];
  }

  /** How many pages it has from `start` to before `end`. */
  pagesIn(start: number, end: number): number {
    return this.#pagesBefore(end) - this.#pagesBefore(start);
  }

  /** Its runs from `start` to before `end`, cut off there. */
  forEachRun(start: number, end: number, visit: RunVisitor): void {
    for (let run = Math.max(0, this.#runBehind(start) - 1); run < this.#addresses.length; run++) {
      const address = this.#addresses[run]!;
      if (address >= end) return;
      const first = Math.max(0, (start - address) / PAGE_SIZE);
      const behind = Math.min(this.#pagesOf(run), (end - address) / PAGE_SIZE);
      if (first >= behind) continue;
      const chunk = this.#chunks[run]!;
      const firstPage = chunk === NO_CHUNK ? 0 : this.#firstPages[run]! + first;
      visit(address + first * PAGE_SIZE, chunk, firstPage, behind - first);
    }
  }

  #pagesBefore(address: number): number {
    const behind = this.#runBehind(address);
    if (behind === 0) return 0;
    const within = (address - this.#addresses[behind - 1]!) / PAGE_SIZE;
    return this.#before[behind - 1]! + Math.min(this.#pagesOf(behind - 1), within);
  }

  #pagesOf(run: number): number {
    return this.#before[run + 1]! - this.#before[run]!;
  }

  /** The first run that starts behind an address. */
  #runBehind(address: number): number {
    let [low, high] = [0, this.#addresses.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function rowOf(rows: Map<ChunkId, number>, id: ChunkId): number {
  let row = rows.get(id);
  if (row === undefined) {
    row = rows.size;
    rows.set(id, row);
  }
  return row;
}

/** The memories of an image whose versions are known, by incarnation. */
export function baselinesOf(recipes: readonly Recipe[]): ReadonlyMap<string, Baseline> {
  const memories = new Map<
    string,
    { readonly version: MemoryVersion; readonly runs: ReturnType<typeof runsWithIds> }
  >();
  for (const recipe of recipes)
    for (const batch of recipe.batches) {
      const { version } = recipe.owners[batch.owner]!;
      if (version === undefined) continue;
      const memory = memories.get(version.incarnation) ?? { version, runs: [] };
      memories.set(version.incarnation, memory);
      memory.runs.push(...runsWithIds(recipe, runsOf(recipe, batch)));
    }
  return new Map(
    [...memories].map(([incarnation, { version, runs }]) => [incarnation, new Baseline(version, runs)]),
  );
}

const runsWithIds = (recipe: Recipe, runs: readonly PageRun[]) =>
  runs.map((run) => ({ ...run, id: run.chunk === ZERO_PAGES ? undefined : recipe.chunks[run.chunk]! }));
