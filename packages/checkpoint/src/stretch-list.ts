import { type MemorySnapshot, PAGE_SIZE } from '@ckptree/model';
import type { Baseline, MemoryLayout } from '@ckptree/store';

const MOST_FIRST_CAPACITY = 1024;

/** How far the lists were at some time. */
interface Mark {
  readonly read: number;
  readonly kept: number;
  readonly runs: number;
  readonly ranges: number;
  readonly position: number;
}

/** The pages of an address space in the order of the image, as they are found: stretches to be read, and kept ones. */
export class StretchList {
  readonly #memory: MemorySnapshot;
  #frames: Int32Array;
  #read = 0;
  readonly #runs: number[] = [];
  readonly #ranges: number[] = [];
  #kept = 0;
  #position = 0;
  /** Address behind the last page that is to be read, if it is the last in the image so far. */
  #behind = -1;

  /** @param most pages that may be added: few need little room, and there may be very many such lists */
  constructor(memory: MemorySnapshot, most: number) {
    this.#memory = memory;
    this.#frames = new Int32Array(Math.min(most, MOST_FIRST_CAPACITY));
  }

  /** All pages so far. */
  get pages(): number {
    return this.#read + this.#kept;
  }

  /** Those that are to be read. */
  get readPages(): number {
    return this.#read;
  }

  /** @param position of the pages that follow. @returns for rollBack() */
  beginBatch(position: number): Mark {
    this.#position = position;
    this.#behind = -1;
    const [read, kept, runs, ranges] = [this.#read, this.#kept, this.#runs.length, this.#ranges.length];
    return { read, kept, runs, ranges, position };
  }

  /** Forgets what was added since. */
  rollBack({ read, kept, runs, ranges, position }: Mark): void {
    this.#read = read;
    this.#runs.length = runs;
    this.#ranges.length = ranges;
    this.#kept = kept;
    this.#position = position;
    this.#behind = -1;
  }

  /** A page that is to be read. */
  read(address: number, frame: number): void {
    if (address === this.#behind) this.#runs[this.#runs.length - 1]!++;
    else this.#runs.push(address, this.#position, 1);
    this.#addFrame(frame);
    this.#position += PAGE_SIZE;
    this.#behind = address + PAGE_SIZE;
  }

  /** @param pages how many the baseline has there */
  keep(start: number, end: number, pages: number): void {
    this.#ranges.push(start, end, this.#position, pages);
    this.#kept += pages;
    this.#position += pages * PAGE_SIZE;
    this.#behind = -1;
  }

  layout(baseline: Baseline | undefined): Omit<MemoryLayout, 'owner' | 'ppid'> {
    return {
      runs: Float64Array.from(this.#runs),
      frames: this.#frames.slice(0, this.#read),
      arenas: this.#memory.arenas,
      ...(baseline !== undefined && { kept: { baseline, ranges: Float64Array.from(this.#ranges) } }),
    };
  }

  #addFrame(frame: number): void {
    if (this.#read === this.#frames.length) {
      const larger = new Int32Array(2 * this.#read);
      larger.set(this.#frames);
      this.#frames = larger;
    }
    this.#frames[this.#read++] = frame;
  }
}
