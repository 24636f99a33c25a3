import { PAGE_SIZE, type StoredPages } from '@ckptree/model';

/** Numbers of one run: address, position, pages. */
export const RUN = 3;

/** Collects where pages are stored, as runs; grows with what is there. */
export class Runs {
  #numbers = new Float64Array(8 * RUN);
  #length = 0;

  /** The next pages, by the first one's address and the position of its contents. Addresses must ascend. */
  push(address: number, position: number, pages: number): void {
    const last = this.#length - RUN;
    if (last >= 0) {
      const bytes = this.#numbers[last + 2]! * PAGE_SIZE;
      if (this.#numbers[last]! + bytes === address && this.#numbers[last + 1]! + bytes === position) {
        this.#numbers[last + 2]! += pages;
        return;
      }
    }
    if (this.#length === this.#numbers.length) this.#grow();
    this.#numbers[this.#length] = address;
    this.#numbers[this.#length + 1] = position;
    this.#numbers[this.#length + 2] = pages;
    this.#length += RUN;
  }

  finish(): StoredPages {
    return { runs: this.#numbers.slice(0, this.#length) };
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}

/** Pages in all runs. */
export function storedPageCount({ runs }: StoredPages): number {
  let pages = 0;
  for (let index = 2; index < runs.length; index += RUN) pages += runs[index]!;
  return pages;
}
