import { CkptError } from '@ckptree/errors';
import { type ByteSource, PAGE_SIZE, type StoredPages } from '@ckptree/model';
import type { ReadOptions } from '../walk.js';
import { alignPages } from './page-runs.js';

/** Pages that are compared at once: 1 MiB of each image is held. */
const STEP = 256;

export type Difference = 'same' | 'differ' | 'onlyInA' | 'onlyInB';

/** Consecutive pages with one outcome. */
export interface PageOutcome {
  readonly address: number;
  readonly pages: number;
  readonly how: Difference;
}

/** Compares the page contents of images, two of them in step, with bounded memory. */
export class PageComparer {
  readonly #a: ByteSource;
  readonly #b: ByteSource;
  /** A copy, for both sources may be one, and its next answer may overwrite the last. */
  readonly #copy = Buffer.alloc(STEP * PAGE_SIZE);

  readonly #options: ReadOptions;
  #bytes = 0;

  constructor(a: ByteSource, b: ByteSource, options: ReadOptions) {
    this.#a = a;
    this.#b = b;
    this.#options = options;
  }

  /** @throws EIO a source holds less than its image said; EINTR `signal` was aborted */
  async *compare(a: StoredPages, b: StoredPages): AsyncGenerator<PageOutcome> {
    for (const { address, pages, inA, inB } of alignPages(a, b)) {
      if (inA === undefined) yield { address, pages, how: 'onlyInB' };
      else if (inB === undefined) yield { address, pages, how: 'onlyInA' };
      else
        for (let done = 0; done < pages; done += STEP) {
          const step = Math.min(STEP, pages - done);
          const skipped = done * PAGE_SIZE;
          yield* await this.#compareStep(address + skipped, step, inA + skipped, inB + skipped);
        }
    }
  }

  async #compareStep(address: number, pages: number, inA: number, inB: number): Promise<PageOutcome[]> {
    const { onProgress, signal } = this.#options;
    if (signal?.aborted) throw new CkptError('EINTR', 'the comparison was cancelled', {}, signal.reason);
    const length = pages * PAGE_SIZE;
    onProgress?.(this.#bytes);
    this.#bytes += length;
    this.#copy.set(await readFully(this.#a, inA, length));
    const other = await readFully(this.#b, inB, length);
    if (this.#copy.compare(other, 0, length, 0, length) === 0) return [{ address, pages, how: 'same' }];
    const outcomes: PageOutcome[] = [];
    for (let page = 0; page < pages; page++) {
      const start = page * PAGE_SIZE;
      const end = start + PAGE_SIZE;
      const isSame = this.#copy.compare(other, start, end, start, end) === 0;
      outcomes.push({ address: address + start, pages: 1, how: isSame ? 'same' : 'differ' });
    }
    return outcomes;
  }
}

async function readFully(source: ByteSource, position: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(position, length);
  if (bytes.length !== length)
    throw new CkptError('EIO', `image byte ${position}: page contents that were there are gone`, {
      position,
    });
  return bytes;
}
