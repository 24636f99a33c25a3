import { PAGE_SIZE, type StoredPages } from '@ckptree/model';
import { RUN } from '../read/runs.js';

/** Pages at consecutive addresses, and where their contents stand in each image that has them. */
export interface PageSpan {
  readonly address: number;
  readonly pages: number;
  /** Byte positions. */
  readonly inA?: number;
  readonly inB?: number;
}

/** The pages of two address spaces in step: spans that both have, or one of them, ascending. */
export function* alignPages(a: StoredPages, b: StoredPages): Generator<PageSpan> {
  const left = new Cursor(a);
  const right = new Cursor(b);
  while (!left.done || !right.done) {
    if (left.address < right.address) {
      const pages = Math.min(left.pages, (right.address - left.address) / PAGE_SIZE);
      yield { address: left.address, pages, inA: left.position };
      left.advance(pages);
    } else if (right.address < left.address) {
      const pages = Math.min(right.pages, (left.address - right.address) / PAGE_SIZE);
      yield { address: right.address, pages, inB: right.position };
      right.advance(pages);
    } else {
      const pages = Math.min(left.pages, right.pages);
      yield { address: left.address, pages, inA: left.position, inB: right.position };
      left.advance(pages);
      right.advance(pages);
    }
  }
}

/** A place in a list of runs. */
class Cursor {
  readonly #runs: Float64Array;
  #at = 0;
  #skip = 0;

  constructor({ runs }: StoredPages) {
    this.#runs = runs;
  }

  get done(): boolean {
    return this.#at >= this.#runs.length;
  }

  /** Of the next page; behind every address when there is none. */
  get address(): number {
    return this.done ? Number.POSITIVE_INFINITY : this.#runs[this.#at]! + this.#skip * PAGE_SIZE;
  }

  get position(): number {
    return this.#runs[this.#at + 1]! + this.#skip * PAGE_SIZE;
  }

  /** Left in this run. */
  get pages(): number {
    return this.#runs[this.#at + 2]! - this.#skip;
  }

  advance(pages: number): void {
    this.#skip += pages;
    if (this.#skip < this.#runs[this.#at + 2]!) return;
    this.#at += RUN;
    this.#skip = 0;
  }
}
