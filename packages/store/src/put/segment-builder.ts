import { batchSize } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import type { Baseline } from '../image/baseline.js';
import type { MemoryLayout } from '../image/image-layout.js';
import { PageRunsBuilder, ZERO_PAGES } from '../image/page-runs.js';
import {
  encodeRecipe,
  type Owner,
  type Recipe,
  type RecipeBatch,
  type RecipeWindow,
} from '../image/recipe.js';
import type { KeptRange } from './memory-batches.js';
import { type PageSlots, UNDECIDED, ZEROS } from './page-slots.js';
import type { Window } from './window.js';

/** A segment ends behind the batch with which it reaches so many bytes of image, or of literals. */
const SEGMENT_SIZE = 256 * 1024 * 1024;
export const SEGMENT_LITERALS = 4 * 1024 * 1024;

export const isFullSegment = (size: number, literals: number): boolean =>
  size >= SEGMENT_SIZE || literals >= SEGMENT_LITERALS;

interface OpenBatch {
  readonly memory: MemoryLayout;
  readonly literalsBefore: number;
  readonly kept: readonly KeptRange[];
  readonly windows: Window[];
}

/** Collects one segment of an image and writes its recipe. */
export class SegmentBuilder {
  readonly #slots: PageSlots;
  readonly #literals: Uint8Array[] = [];
  #literalsSize = 0;
  #batchesSize = 0;
  #readSize = 0;
  readonly #batches: OpenBatch[] = [];

  constructor(slots: PageSlots) {
    this.#slots = slots;
  }

  /** Bytes of image so far. */
  get size(): number {
    return this.#literalsSize + this.#batchesSize;
  }

  /** Bytes of literals among them. */
  get literalsSize(): number {
    return this.#literalsSize;
  }

  /** Bytes of the pages that came in windows. */
  get readSize(): number {
    return this.#readSize;
  }

  get isFull(): boolean {
    return isFullSegment(this.size, this.#literalsSize);
  }

  addLiteral(bytes: Uint8Array): void {
    this.#literals.push(bytes);
    this.#literalsSize += bytes.length;
  }

  /** @param kept pages of it that come in no window */
  beginBatch({
    memory,
    pages,
    kept,
  }: {
    memory: MemoryLayout;
    pages: number;
    kept: readonly KeptRange[];
  }): void {
    this.#batches.push({ memory, literalsBefore: this.#literalsSize, kept, windows: [] });
    this.#batchesSize += batchSize(pages);
  }

  addWindow(window: Window): void {
    this.#batches.at(-1)!.windows.push(window);
    this.#readSize += window.addresses.length * PAGE_SIZE;
  }

  /** The recipe. Every page of the segment must have its place by now. */
  finish(): Buffer {
    const tables = new Tables(this.#slots);
    const batches = this.#batches.map((batch) => tables.addBatch(batch));
    const { chunks, owners, windows } = tables;
    const [runs, literals] = [tables.runs.finish(), Buffer.concat(this.#literals)];
    return encodeRecipe({ chunks, owners, batches, runs, windows, literals });
  }
}

/** The tables of a recipe. */
class Tables {
  readonly chunks: ChunkId[] = [];
  readonly owners: Owner[] = [];
  readonly runs = new PageRunsBuilder();
  readonly windows: RecipeWindow[] = [];
  readonly #slots: PageSlots;
  /** Neighbours are mostly in the same chunk: its number among the slots, and row. */
  #lastChunk = UNDECIDED;
  #lastRow = 0;
  readonly #chunkRows = new Map<ChunkId, number>();
  readonly #ownerRows = new Map<MemoryLayout, number>();
  /** By recipe that runs are taken over from: the row here of each of its chunks, or -1. */
  readonly #takenRows = new Map<Recipe, Int32Array>();

  constructor(slots: PageSlots) {
    this.#slots = slots;
  }

  addBatch({ memory, literalsBefore, windows, kept }: OpenBatch): RecipeBatch {
    const firstRun = this.runs.length;
    if (memory.kept === undefined) for (const window of windows) this.#addWindow(window);
    else this.#addChanged(memory.kept.baseline, windows, kept);
    return { literalsBefore, owner: this.#owner(memory), firstRun, runs: this.runs.length - firstRun };
  }

  /** Changed pages, and those kept in between, by address. */
  #addChanged(baseline: Baseline, windows: readonly Window[], kept: readonly KeptRange[]): void {
    const firstRun = this.runs.length;
    let next = 0;
    for (const { addresses, slots } of windows)
      for (let page = 0; page < slots.length; page++) {
        const address = addresses[page]!;
        while (next < kept.length && kept[next]!.start < address) this.#addKept(baseline, kept[next++]!);
        this.#addSlot(address, slots[page]!, firstRun);
      }
    while (next < kept.length) this.#addKept(baseline, kept[next++]!);
  }

  #addKept(baseline: Baseline, { start, end }: KeptRange): void {
    baseline.forEachRun(start, end, (recipe, address, chunk, firstPage, pages) => {
      if (chunk === ZERO_PAGES) this.runs.push(address, ZERO_PAGES, 0, pages);
      else this.runs.push(address, this.#takenRow(recipe, chunk), firstPage, pages);
    });
  }

  #takenRow(recipe: Recipe, chunk: number): number {
    let rows = this.#takenRows.get(recipe);
    if (rows === undefined) {
      rows = new Int32Array(recipe.chunks.length).fill(-1);
      this.#takenRows.set(recipe, rows);
    }
    if (rows[chunk] === -1) rows[chunk] = this.#chunk(recipe.chunks[chunk]!);
    return rows[chunk]!;
  }

  #addWindow({ addresses, slots, identity }: Window): void {
    const firstRun = this.runs.length;
    // Runs do not reach across windows, which may be found again as a whole.
    for (let page = 0; page < slots.length; page++) this.#addSlot(addresses[page]!, slots[page]!, firstRun);
    if (identity !== undefined) this.windows.push({ identity, firstRun, runs: this.runs.length - firstRun });
  }

  /** @param firstRun it may go on with this run, or a later one */
  #addSlot(address: number, slot: number, firstRun: number): void {
    const chunk = this.#slots.chunk(slot);
    if (chunk === ZEROS) this.runs.addPage(address, ZERO_PAGES, 0, firstRun);
    else this.runs.addPage(address, this.#row(chunk), this.#slots.page(slot), firstRun);
  }

  /** @param number of a chunk among the slots, all of which are decided by now */
  #row(number: number): number {
    if (number !== this.#lastChunk) {
      this.#lastRow = this.#chunk(this.#slots.chunks.id(number)!);
      this.#lastChunk = number;
    }
    return this.#lastRow;
  }

  #chunk(id: ChunkId): number {
    let row = this.#chunkRows.get(id);
    if (row === undefined) {
      row = this.chunks.push(id) - 1;
      this.#chunkRows.set(id, row);
    }
    return row;
  }

  #owner(memory: MemoryLayout): number {
    let row = this.#ownerRows.get(memory);
    if (row === undefined) {
      row = this.owners.push(memory.owner) - 1;
      this.#ownerRows.set(memory, row);
    }
    return row;
  }
}
