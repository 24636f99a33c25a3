import { batchSize } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import type { MemoryLayout } from '../image/image-layout.js';
import {
  encodeRecipe,
  type Owner,
  type PageRun,
  type RecipeBatch,
  type RecipeWindow,
  ZERO_PAGES,
} from '../image/recipe.js';
import type { Window } from './window.js';

/** A segment ends behind the batch with which it reaches so many bytes of image, or of literals. */
const SEGMENT_SIZE = 256 * 1024 * 1024;
export const SEGMENT_LITERALS = 4 * 1024 * 1024;

export const isFullSegment = (size: number, literals: number): boolean =>
  size >= SEGMENT_SIZE || literals >= SEGMENT_LITERALS;

interface OpenBatch {
  readonly memory: MemoryLayout;
  readonly literalsBefore: number;
  readonly windows: Window[];
}

/** Collects one segment of an image and writes its recipe. */
export class SegmentBuilder {
  readonly #literals: Uint8Array[] = [];
  #literalsSize = 0;
  #batchesSize = 0;
  readonly #batches: OpenBatch[] = [];

  /** Bytes of image so far. */
  get size(): number {
    return this.#literalsSize + this.#batchesSize;
  }

  /** Bytes of literals among them. */
  get literalsSize(): number {
    return this.#literalsSize;
  }

  get isFull(): boolean {
    return isFullSegment(this.size, this.#literalsSize);
  }

  addLiteral(bytes: Uint8Array): void {
    this.#literals.push(bytes);
    this.#literalsSize += bytes.length;
  }

  beginBatch(memory: MemoryLayout, pages: number): void {
    this.#batches.push({ memory, literalsBefore: this.#literalsSize, windows: [] });
    this.#batchesSize += batchSize(pages);
  }

  addWindow(window: Window): void {
    this.#batches.at(-1)!.windows.push(window);
  }

  /** The recipe. Every page of the segment must have its place by now. */
  finish(): Buffer {
    const tables = new Tables();
    const batches = this.#batches.map((batch) => tables.addBatch(batch));
    const { chunks, owners, runs, windows } = tables;
    return encodeRecipe({ chunks, owners, batches, runs, windows, literals: Buffer.concat(this.#literals) });
  }
}

class Tables {
  readonly chunks: ChunkId[] = [];
  readonly owners: Owner[] = [];
  readonly runs: PageRun[] = [];
  readonly windows: RecipeWindow[] = [];
  readonly #chunkRows = new Map<ChunkId, number>();
  readonly #ownerRows = new Map<MemoryLayout, number>();

  addBatch({ memory, literalsBefore, windows }: OpenBatch): RecipeBatch {
    const firstRun = this.runs.length;
    for (const window of windows) this.#addWindow(window);
    return { literalsBefore, owner: this.#owner(memory), firstRun, runs: this.runs.length - firstRun };
  }

  #addWindow({ addresses, slots, identity }: Window): void {
    const firstRun = this.runs.length;
    for (const [index, { chunk, page }] of slots.entries())
      this.#addPage(addresses[index]!, chunk === null ? ZERO_PAGES : this.#chunk(chunk!.id!), page, firstRun);
    if (identity !== undefined) this.windows.push({ identity, firstRun, runs: this.runs.length - firstRun });
  }

  /** @param firstRun of the window: runs do not reach across windows, which may be found again as a whole */
  #addPage(address: number, chunk: number, page: number, firstRun: number): void {
    const last = this.runs.length - 1;
    const run = this.runs[last];
    const follows =
      last >= firstRun &&
      run !== undefined &&
      run.chunk === chunk &&
      run.address + run.pages * PAGE_SIZE === address &&
      (chunk === ZERO_PAGES || run.firstPage + run.pages === page);
    if (follows) this.runs[last] = { ...run, pages: run.pages + 1 };
    else this.runs.push({ address, chunk, firstPage: chunk === ZERO_PAGES ? 0 : page, pages: 1 });
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
