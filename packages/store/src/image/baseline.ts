import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import { type RunRange, ZERO_PAGES } from './page-runs.js';
import type { MemoryVersion, Recipe } from './recipe.js';

/** @param chunk index into the recipe's chunks, or ZERO_PAGES */
export type RunVisitor = (
  recipe: Recipe,
  address: number,
  chunk: number,
  firstPage: number,
  pages: number,
) => void;

/**
 * A memory as the checkpoint before has it: where its pages are in the store, whether or not they are read. What is
 * known to be unchanged since is taken over from here, in long runs.
 */
export class Baseline {
  readonly incarnation: string;
  readonly epoch: number;
  /** Ascending by address. */
  readonly #sections: readonly Section[];

  /** @param stretches of the memory, ascending by address */
  constructor({ incarnation, epoch }: MemoryVersion, stretches: readonly Stretch[]) {
    this.incarnation = incarnation;
    this.epoch = epoch;
    this.#sections = stretches.map((stretch) => new Section(stretch));
  }

  /** Whether its runs ascend: nothing else finds its way around in them. Recipes that are sound do. */
  get isOrdered(): boolean {
    let behind = 0;
    return this.#sections.every((section) => {
      const before = behind;
      behind = section.end;
      return section.isOrdered && section.start >= before;
    });
  }

  /** All chunks that hold pages of it. */
  chunks(): ReadonlySet<ChunkId> {
    const ids = new Set<ChunkId>();
    for (const section of this.#sections) section.addChunks(ids);
    return ids;
  }

  /** How many pages it has from `start` to before `end`. */
  pagesIn(start: number, end: number): number {
    return this.#sections.reduce((sum, section) => sum + section.pagesIn(start, end), 0);
  }

  /**
   * How often reading the pages of each span of addresses has to go on elsewhere in the store, by the number of the span:
   * what changes a little again and again is scattered over more and more chunks.
   */
  jumps(spanSize: number): ReadonlyMap<number, number> {
    const spans = new Map<number, number>();
    for (const section of this.#sections) section.addJumps(spans, spanSize);
    return spans;
  }

  /** Its runs from `start` to before `end`, cut off there. */
  forEachRun(start: number, end: number, visit: RunVisitor): void {
    for (const section of this.#sections) section.forEachRun(start, end, visit);
  }
}

/** Runs of a recipe that belong to one memory. */
interface Stretch extends RunRange {
  readonly recipe: Recipe;
}

class Section {
  readonly #recipe: Recipe;
  /** Runs `#first` up to `#end` of the recipe. */
  readonly #first: number;
  readonly #end: number;
  /** Pages of the section before each of its runs, and of all. */
  readonly #before: Float64Array;
  /** The addresses of its first page, and behind its last. */
  readonly start: number;
  readonly end: number;

  constructor({ recipe, firstRun, runs }: Stretch) {
    this.#recipe = recipe;
    this.#first = firstRun;
    this.#end = firstRun + runs;
    this.#before = new Float64Array(runs + 1);
    for (let run = 0; run < runs; run++)
      this.#before[run + 1] = this.#before[run]! + recipe.runs.pages[firstRun + run]!;
    const { addresses, pages } = recipe.runs;
    this.start = addresses[this.#first]!;
    this.end = addresses[this.#end - 1]! + pages[this.#end - 1]! * PAGE_SIZE;
  }

  get isOrdered(): boolean {
    const { addresses, pages } = this.#recipe.runs;
    for (let run = this.#first + 1; run < this.#end; run++)
      if (addresses[run]! < addresses[run - 1]! + pages[run - 1]! * PAGE_SIZE) return false;
    return true;
  }

  addChunks(ids: Set<ChunkId>): void {
    const { chunks, runs } = this.#recipe;
    const seen = new Uint8Array(chunks.length);
    for (let run = this.#first; run < this.#end; run++) {
      const chunk = runs.chunks[run]!;
      // Pages of zeros have a chunk of no number.
      if (chunk >= seen.length || seen[chunk] === 1) continue;
      seen[chunk] = 1;
      ids.add(chunks[chunk]!);
    }
  }

  addJumps(spans: Map<number, number>, spanSize: number): void {
    const { addresses, chunks, firstPages, pages } = this.#recipe.runs;
    for (let run = this.#first + 1; run < this.#end; run++) {
      if (chunks[run] === ZERO_PAGES) continue;
      if (chunks[run] === chunks[run - 1] && firstPages[run] === firstPages[run - 1]! + pages[run - 1]!)
        continue;
      const span = Math.floor(addresses[run]! / spanSize);
      spans.set(span, (spans.get(span) ?? 0) + 1);
    }
  }

  pagesIn(start: number, end: number): number {
    if (end <= this.start || start >= this.end) return 0;
    return this.#pagesBefore(end) - this.#pagesBefore(start);
  }

  forEachRun(start: number, end: number, visit: RunVisitor): void {
    const { addresses, chunks, firstPages, pages } = this.#recipe.runs;
    if (end <= this.start || start >= this.end) return;
    for (let run = Math.max(this.#first, this.#runBehind(start) - 1); run < this.#end; run++) {
      const address = addresses[run]!;
      if (address >= end) return;
      const first = Math.max(0, (start - address) / PAGE_SIZE);
      const behind = Math.min(pages[run]!, (end - address) / PAGE_SIZE);
      if (first < behind)
        visit(
          this.#recipe,
          address + first * PAGE_SIZE,
          chunks[run]!,
          firstPages[run]! + first,
          behind - first,
        );
    }
  }

  #pagesBefore(address: number): number {
    const last = this.#runBehind(address) - 1;
    if (last < this.#first) return 0;
    const { addresses, pages } = this.#recipe.runs;
    const within = Math.min(pages[last]!, (address - addresses[last]!) / PAGE_SIZE);
    return this.#before[last - this.#first]! + within;
  }

  /** The first run that starts behind an address. */
  #runBehind(address: number): number {
    const { addresses } = this.#recipe.runs;
    let [low, high] = [this.#first, this.#end];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Memory {
  readonly version: MemoryVersion;
  readonly stretches: { readonly recipe: Recipe; readonly firstRun: number; runs: number }[];
}

/** The memories of an image whose versions are known, by incarnation. */
export function baselinesOf(recipes: readonly Recipe[]): ReadonlyMap<string, Baseline> {
  const memories = new Map<string, Memory>();
  for (const recipe of recipes)
    for (const { owner, firstRun, runs } of recipe.batches) {
      const { version } = recipe.owners[owner]!;
      if (version === undefined) continue;
      const { stretches } = memoryOf(memories, version);
      const last = stretches.at(-1);
      if (last?.recipe === recipe && last.firstRun + last.runs === firstRun) last.runs += runs;
      else stretches.push({ recipe, firstRun, runs });
    }
  const baselines = [...memories.values()].map(({ version, stretches }) => new Baseline(version, stretches));
  return new Map(
    baselines.filter(({ isOrdered }) => isOrdered).map((baseline) => [baseline.incarnation, baseline]),
  );
}

function memoryOf(memories: Map<string, Memory>, version: MemoryVersion): Memory {
  const known = memories.get(version.incarnation);
  if (known !== undefined) return known;
  const memory = { version, stretches: [] };
  memories.set(version.incarnation, memory);
  return memory;
}
