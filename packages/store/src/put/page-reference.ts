import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import { type Recipe, runsOf, ZERO_PAGES } from '../image/recipe.js';
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
  /** Windows that are spread over several chunks, by identity: the place of each page that is not zero, in order. */
  readonly windows: ReadonlyMap<string, readonly KnownPage[]>;
}

interface StoredRun {
  readonly address: number;
  readonly pages: number;
  readonly chunk: ChunkId;
  readonly firstPage: number;
}

export function parentPages(recipes: readonly Recipe[]): ParentPages {
  const runsByPid = new Map<number, StoredRun[]>();
  const windows = new Map<string, readonly KnownPage[]>();
  for (const recipe of recipes) {
    for (const batch of recipe.batches) {
      const { pid } = recipe.owners[batch.owner]!;
      const runs = runsByPid.get(pid) ?? [];
      runsByPid.set(pid, runs);
      runs.push(...storedRuns(recipe, batch));
    }
    for (const window of recipe.windows)
      windows.set(window.identity, storedRuns(recipe, window).flatMap(pagesOfRun));
  }
  const byPid = new Map([...runsByPid].map(([pid, runs]) => [pid, new RunTable(runs)]));
  return { byPid, windows };
}

const storedRuns = (
  recipe: Recipe,
  range: { readonly firstRun: number; readonly runs: number },
): StoredRun[] =>
  runsOf(recipe, range)
    .filter(({ chunk }) => chunk !== ZERO_PAGES)
    .map((run) => ({ ...run, chunk: recipe.chunks[run.chunk]! }));

const pagesOfRun = ({ chunk, firstPage, pages }: StoredRun): KnownPage[] =>
  Array.from({ length: pages }, (_, index) => ({ chunk, page: firstPage + index }));

class RunTable implements PageReference {
  readonly #runs: readonly StoredRun[];

  constructor(runs: StoredRun[]) {
    this.#runs = runs.sort((a, b) => a.address - b.address);
  }

  at(address: number): KnownPage | undefined {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const run = this.#runs[low - 1];
    const page = run === undefined ? 0 : (address - run.address) / PAGE_SIZE;
    return run !== undefined && page < run.pages
      ? { chunk: run.chunk, page: run.firstPage + page }
      : undefined;
  }
}

/** The memory of a task of the checkpoint that is being put. */
export class WindowTable implements PageReference {
  /** Ascending by address. */
  readonly #windows: Window[] = [];

  add(window: Window): void {
    this.#windows.push(window);
  }

  at(address: number): KnownPage | undefined {
    let [low, high] = [0, this.#windows.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#windows[middle]!.addresses[0]! <= address) low = middle + 1;
      else high = middle;
    }
    const window = this.#windows[low - 1];
    const slot = window?.slots[window.addresses.indexOf(address)];
    return slot?.chunk?.id === undefined ? undefined : { chunk: slot.chunk.id, page: slot.page };
  }
}
