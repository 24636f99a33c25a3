import { BATCH_PAGES } from '@ckptree/image';
import { PageArray } from './page-array.js';
import type { PageScan } from './page-scan.js';

/**
 * The pages of one batch, as a chain of page arrays. Between batches the chain is reset, not freed: its arrays go into
 * a pool, and the next batch takes them from there. A chain therefore grows to what its largest batch needed
 * (8 KiB an array, 16 at most) and allocates nothing afterwards.
 */
export class PageArrayChain {
  /** The current one last, which is the order of dumping. */
  readonly #chain: PageArray[] = [];
  readonly #pool: PageArray[] = [];

  /** The page arrays in the order in which they are dumped. */
  get arrays(): readonly PageArray[] {
    return this.#chain;
  }

  /** Arrays that wait in the pool. */
  get pooled(): number {
    return this.#pool.length;
  }

  /**
   * Collects the next pages of a scan, at most BATCH_PAGES.
   * @returns how many; 0 at the end of the scan
   */
  fill(scan: PageScan): number {
    let count = 0;
    while (count < BATCH_PAGES) {
      const added = scan.fill(this.#current());
      if (added === 0) break;
      count += added;
    }
    return count;
  }

  /** Empties the chain into the pool. */
  reset(): void {
    for (const pages of this.#chain) pages.clear();
    this.#pool.push(...this.#chain.splice(0));
  }

  /** The last array when it has room; else one from the pool, or a new one, is put behind it. */
  #current(): PageArray {
    const last = this.#chain.at(-1);
    if (last !== undefined && !last.isFull) return last;
    const next = this.#pool.pop() ?? new PageArray();
    this.#chain.push(next);
    return next;
  }
}
