import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkWriter } from './chunk-writer.js';
import type { PageSlots } from './page-slots.js';
import { SlabPool } from './slab-pool.js';
import type { SpareSlabs } from './spare-slabs.js';
import { WINDOW_PAGES } from './window.js';

/** Chunks that may be on their way while the next one is gathered, for each thread. */
const AHEAD = 2;

interface OpenChunk {
  readonly bytes: Uint8Array;
  /** Among the chunks of the slots. */
  readonly number: number;
  pages: number;
}

/** Puts single pages together to chunks. */
export class Gatherer {
  readonly #writer: ChunkWriter;
  readonly #slots: PageSlots;
  readonly #slabs: SlabPool;
  #open: OpenChunk | undefined;
  readonly #putting = new Set<Promise<void>>();
  #failure: unknown;

  /** @param lanes how many chunks can be worked on at once. @param slabs where buffers come from */
  constructor(writer: ChunkWriter, slots: PageSlots, lanes: number, slabs: SpareSlabs) {
    this.#writer = writer;
    this.#slots = slots;
    this.#slabs = new SlabPool(WINDOW_PAGES * PAGE_SIZE, AHEAD * lanes + 1, slabs);
  }

  /** Adds a page. The id of its chunk is known after the next flush(). @param page is copied */
  async add(page: Uint8Array, slot: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#open ??= { bytes: await this.#slabs.take(), number: this.#slots.chunks.open(), pages: 0 };
    const { bytes, number, pages } = this.#open;
    bytes.set(page, pages * PAGE_SIZE);
    this.#slots.place(slot, number, pages);
    if (++this.#open.pages === WINDOW_PAGES) this.#put();
  }

  /** Everything that was added is with the writer. @throws what that throws */
  async flush(): Promise<void> {
    this.#put();
    await this.settle();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Waits until nothing is on its way any more, however that ends. */
  async settle(): Promise<void> {
    await Promise.all(this.#putting);
  }

  #put(): void {
    if (this.#open === undefined) return;
    const { bytes, number, pages } = this.#open;
    this.#open = undefined;
    const putting: Promise<void> = this.#writer
      .put(bytes.subarray(0, pages * PAGE_SIZE))
      .then((id) => {
        this.#slots.chunks.name(number, id);
      })
      .catch((error: unknown) => {
        this.#failure ??= error; // thrown at the next page, or by flush()
      })
      .finally(() => {
        this.#putting.delete(putting);
        this.#slabs.give(bytes);
      });
    this.#putting.add(putting);
  }
}
