import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import { type RunRange, ZERO_PAGES } from '../image/page-runs.js';
import type { Recipe } from '../image/recipe.js';
import type { PageSlots } from './page-slots.js';
import type { Window } from './window.js';

/** A page that is in the store. */
export interface KnownPage {
  readonly chunk: ChunkId;
  readonly page: number;
}

/**
 * Pages that very likely hold the same as those at the same addresses of another address space: the one that a task
 * had in the checkpoint before, or the one that it was forked from. Whether they do is always compared.
 */
export interface PageReference {
  /** undefined: no page there, or one of zeros. */
  at(address: number): KnownPage | undefined;
}

/** What either of two references says, the first one first. */
export function firstOf(
  a: PageReference | undefined,
  b: PageReference | undefined,
): PageReference | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { at: (address) => a.at(address) ?? b.at(address) };
}

/** What the parent of a checkpoint knows. */
export interface ParentPages {
  /** The memory of the task with this pid. */
  readonly byPid: ReadonlyMap<number, PageReference>;
  /** Windows that are spread over several chunks, by identity. */
  readonly windows: ReadonlyMap<string, KnownWindow>;
}

export function parentPages(recipes: readonly Recipe[]): ParentPages {
  const batches = new Map<number, StoredRuns[]>();
  const windows = new Map<string, KnownWindow>();
  for (const recipe of recipes) {
    for (const batch of recipe.batches) {
      const { pid } = recipe.owners[batch.owner]!;
      const ranges = batches.get(pid) ?? [];
      batches.set(pid, ranges);
      ranges.push(new StoredRuns(recipe, batch));
    }
    for (const window of recipe.windows)
      windows.set(window.identity, new KnownWindow(new StoredRuns(recipe, window)));
  }
  const byPid = new Map([...batches].map(([pid, ranges]) => [pid, new RunTable(ranges)]));
  return { byPid, windows };
}

/** @param pages that stand one behind the other in the chunk, from `firstPage` on */
type RunVisitor = (chunk: ChunkId, firstPage: number, pages: number, address: number) => void;

/** Some runs of a recipe. */
class StoredRuns {
  readonly #recipe: Recipe;
  readonly #range: RunRange;

  constructor(recipe: Recipe, range: RunRange) {
    this.#recipe = recipe;
    this.#range = range;
  }

  /** Calls for each that is in a chunk. */
  forEachRun(visit: RunVisitor): void {
    const { chunks, runs } = this.#recipe;
    const { firstRun, runs: count } = this.#range;
    for (let run = firstRun; run < firstRun + count; run++) {
      const chunk = runs.chunks[run]!;
      if (chunk !== ZERO_PAGES)
        visit(chunks[chunk]!, runs.firstPages[run]!, runs.pages[run]!, runs.addresses[run]!);
    }
  }
}

/** A window that is in the store: its pages that are not zero, in order. */
export class KnownWindow {
  readonly #runs: StoredRuns;

  constructor(runs: StoredRuns) {
    this.#runs = runs;
  }

  /** How many they are. */
  get length(): number {
    let length = 0;
    this.#runs.forEachRun((_, __, pages) => {
      length += pages;
    });
    return length;
  }

  /** The chunks that hold them. */
  chunks(): ReadonlySet<ChunkId> {
    const ids = new Set<ChunkId>();
    this.#runs.forEachRun((chunk) => ids.add(chunk));
    return ids;
  }

  forEachPage(visit: (chunk: ChunkId, page: number) => void): void {
    this.#runs.forEachRun((chunk, firstPage, pages) => {
      for (let page = firstPage; page < firstPage + pages; page++) visit(chunk, page);
    });
  }
}

interface StoredRun {
  readonly address: number;
  readonly pages: number;
  readonly chunk: ChunkId;
  readonly firstPage: number;
}

class RunTable implements PageReference {
  readonly #ranges: readonly StoredRuns[];
  #sorted: readonly StoredRun[] | undefined;

  constructor(ranges: readonly StoredRuns[]) {
    this.#ranges = ranges;
  }

  at(address: number): KnownPage | undefined {
    const run = this.#runs[countUpTo(this.#runs, address, startOf) - 1];
    const page = run === undefined ? 0 : (address - run.address) / PAGE_SIZE;
    return run !== undefined && page < run.pages
      ? { chunk: run.chunk, page: run.firstPage + page }
      : undefined;
  }

  /** Ascending by address. Made when somebody asks: mostly that is nobody. */
  get #runs(): readonly StoredRun[] {
    this.#sorted ??= this.#sort();
    return this.#sorted;
  }

  #sort(): StoredRun[] {
    const runs: StoredRun[] = [];
    for (const range of this.#ranges)
      range.forEachRun((chunk, firstPage, pages, address) => runs.push({ address, pages, chunk, firstPage }));
    return runs.sort((a, b) => a.address - b.address);
  }
}

const startOf = ({ address }: StoredRun): number => address;

/** The memory of a task of the checkpoint that is being put. */
export class WindowTable implements PageReference {
  readonly #slots: PageSlots;
  /** Ascending by address. */
  readonly #windows: Window[] = [];

  constructor(slots: PageSlots) {
    this.#slots = slots;
  }

  add(window: Window): void {
    this.#windows.push(window);
  }

  at(address: number): KnownPage | undefined {
    const window = this.#windows[countUpTo(this.#windows, address, firstAddressOf) - 1];
    if (window === undefined || address > window.addresses.at(-1)!) return undefined;
    const page = window.addresses.indexOf(address);
    if (page === -1) return undefined;
    const slot = window.slots[page]!;
    const id = this.#slots.chunks.id(this.#slots.chunk(slot));
    return id === undefined ? undefined : { chunk: id, page: this.#slots.page(slot) };
  }
}

const firstAddressOf = ({ addresses }: Window): number => addresses[0]!;

/** How many of the items start at or below an address; they ascend. */
function countUpTo<Item>(items: readonly Item[], address: number, addressOf: (item: Item) => number): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (addressOf(items[middle]!) <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
