import { endianness } from 'node:os';
import { PAGE_SIZE } from '@ckptree/model';

/** In place of a chunk: the pages are zeros, and nowhere. */
export const ZERO_PAGES = 0xffff_ffff;

/** Pages that stand one behind the other in a chunk. */
export interface PageRun {
  readonly address: number;
  /** Index into the recipe's chunks, or ZERO_PAGES. */
  readonly chunk: number;
  readonly firstPage: number;
  readonly pages: number;
}

/** Some of the runs. */
export interface RunRange {
  readonly firstRun: number;
  readonly runs: number;
}

/** Bytes of a run in a recipe: address(f64), chunk(4), first page(4), pages(4), each in a column of its own. */
export const RUN_SIZE = 20;

/** The runs of a recipe by column: there may be one for each page. */
export class PageRuns {
  readonly addresses: Float64Array;
  readonly chunks: Uint32Array;
  readonly firstPages: Uint32Array;
  readonly pages: Uint32Array;

  constructor(addresses: Float64Array, chunks: Uint32Array, firstPages: Uint32Array, pages: Uint32Array) {
    this.addresses = addresses;
    this.chunks = chunks;
    this.firstPages = firstPages;
    this.pages = pages;
  }

  static readonly none = new PageRuns(
    new Float64Array(),
    new Uint32Array(),
    new Uint32Array(),
    new Uint32Array(),
  );

  /** @param count how many there are from byte `at` on, RUN_SIZE bytes each */
  static decode(bytes: Uint8Array, at: number, count: number): PageRuns {
    let start = at;
    const column = <Column extends Float64Array | Uint32Array>(target: Column): Column => {
      const raw = new Uint8Array(target.buffer);
      raw.set(bytes.subarray(start, start + raw.length));
      start += raw.length;
      return swapped(target);
    };
    return new PageRuns(
      column(new Float64Array(count)),
      column(new Uint32Array(count)),
      column(new Uint32Array(count)),
      column(new Uint32Array(count)),
    );
  }

  get length(): number {
    return this.addresses.length;
  }

  /** Puts the bytes of all columns into `target` from byte `at` on. @returns where they end */
  encode(target: Uint8Array, at: number): number {
    let end = at;
    for (const column of [this.addresses, this.chunks, this.firstPages, this.pages]) {
      target.set(bytesOf(column), end);
      end += column.byteLength;
    }
    return end;
  }

  at(index: number): PageRun {
    return {
      address: this.addresses[index]!,
      chunk: this.chunks[index]!,
      firstPage: this.firstPages[index]!,
      pages: this.pages[index]!,
    };
  }

  slice({ firstRun, runs }: RunRange): readonly PageRun[] {
    return Array.from({ length: runs }, (_, index) => this.at(firstRun + index));
  }

  pagesIn({ firstRun, runs }: RunRange): number {
    let sum = 0;
    for (let index = firstRun; index < firstRun + runs; index++) sum += this.pages[index]!;
    return sum;
  }
}

/** Columns that grow. */
export class PageRunsBuilder {
  #addresses = new Float64Array(FIRST_CAPACITY);
  #chunks = new Uint32Array(FIRST_CAPACITY);
  #firstPages = new Uint32Array(FIRST_CAPACITY);
  #pages = new Uint32Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(address: number, chunk: number, firstPage: number, pages: number): void {
    if (this.#length === this.#pages.length) this.#grow();
    const index = this.#length++;
    this.#addresses[index] = address;
    this.#chunks[index] = chunk;
    this.#firstPages[index] = firstPage;
    this.#pages[index] = pages;
  }

  /**
   * Adds a page: to the last run where it goes on there, else as a run of its own.
   * @param page     its number within the chunk; 0 for a page of zeros
   * @param firstRun the run that it may go on is this one or a later one
   */
  addPage(address: number, chunk: number, page: number, firstRun: number): void {
    const last = this.#length - 1;
    const pages = this.#pages[last]!;
    const goesOn =
      last >= firstRun &&
      this.#chunks[last] === chunk &&
      this.#addresses[last]! + pages * PAGE_SIZE === address &&
      (chunk === ZERO_PAGES || this.#firstPages[last]! + pages === page);
    if (goesOn) this.#pages[last] = pages + 1;
    else this.push(address, chunk, page, 1);
  }

  finish(): PageRuns {
    const length = this.#length;
    return new PageRuns(
      this.#addresses.subarray(0, length),
      this.#chunks.subarray(0, length),
      this.#firstPages.subarray(0, length),
      this.#pages.subarray(0, length),
    );
  }

  #grow(): void {
    this.#addresses = grown(this.#addresses, new Float64Array(2 * this.#length));
    this.#chunks = grown(this.#chunks, new Uint32Array(2 * this.#length));
    this.#firstPages = grown(this.#firstPages, new Uint32Array(2 * this.#length));
    this.#pages = grown(this.#pages, new Uint32Array(2 * this.#length));
  }
}

const FIRST_CAPACITY = 64;

function grown<Column extends Float64Array | Uint32Array>(column: Column, larger: Column): Column {
  larger.set(column);
  return larger;
}

function bytesOf(column: Float64Array | Uint32Array): Uint8Array {
  const { buffer, byteOffset, byteLength } = endianness() === 'LE' ? column : swapped(column.slice());
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A recipe is little-endian, whichever machine writes it. */
function swapped<Column extends Float64Array | Uint32Array>(column: Column): Column {
  if (endianness() === 'LE') return column;
  const bytes = Buffer.from(column.buffer, column.byteOffset, column.byteLength);
  if (column instanceof Float64Array) bytes.swap64();
  else bytes.swap32();
  return column;
}
