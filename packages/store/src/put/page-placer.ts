import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from '../content-hash.js';
import { contentHash, HASH_SIZE, hexId } from '../content-hash.js';
import type { Contents } from './chunk-engine.js';
import type { ChunkWriter } from './chunk-writer.js';
import type { Gatherer } from './gatherer.js';
import type { KnownWindow, PageReference } from './page-reference.js';
import { type PageSlots, UNDECIDED, ZEROS } from './page-slots.js';
import type { ParentImage } from './parent-image.js';
import { openPage, type Window } from './window.js';

const IDENTITY_SIZE = 16;

/** Content by chunk id, wherever it is by now; undefined when it cannot be had without harm to the speed. */
export type ReadContent = (id: ChunkId) => Promise<Uint8Array | undefined>;

/** Windows that become chunks as they are. */
export interface FreshWindows {
  /** In place: in the slab, or in frames. */
  readonly contents: Contents;
  /** HASH_SIZE bytes each. */
  readonly ids: Uint8Array;
}

export interface PlacerParts {
  readonly writer: ChunkWriter;
  readonly parent: ParentImage;
  /** Of all pages of the image. */
  readonly slots: PageSlots;
  readonly gatherer: Gatherer;
  readonly read: ReadContent;
}

/**
 * Decides for each page where it is, or will be, in the store. Cheapest first: a window whose content is a chunk that
 * is there; one that the parent had just so; pages that are the same as in a memory that is known; what is left is new.
 */
export class PagePlacer {
  readonly #writer: ChunkWriter;
  readonly #parent: ParentImage;
  readonly #read: ReadContent;
  readonly #slots: PageSlots;
  readonly #gatherer: Gatherer;

  constructor({ writer, parent, slots, gatherer, read }: PlacerParts) {
    this.#writer = writer;
    this.#parent = parent;
    this.#slots = slots;
    this.#gatherer = gatherer;
    this.#read = read;
  }

  /**
   * @param ids       of the windows' open pages, HASH_SIZE bytes each; of loose windows anything
   * @param reference a memory that the windows' memory is likely to be much like
   */
  async place(
    windows: readonly Window[],
    ids: Uint8Array,
    reference: PageReference | undefined,
  ): Promise<FreshWindows> {
    const fresh: { window: Window; digest: Uint8Array }[] = [];
    for (const [index, window] of windows.entries()) {
      if (window.open.length === 0) continue;
      if (window.isLoose) {
        await this.#gather(window);
        continue;
      }
      const digest = ids.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
      if (await this.#placeWindow(window, digest, reference)) fresh.push({ window, digest });
    }
    return {
      contents: fresh.map(({ window: { content } }) => content!),
      ids: Buffer.concat(fresh.map(({ digest }) => digest)),
    };
  }

  /** @returns whether it becomes a chunk of its own */
  async #placeWindow(
    window: Window,
    digest: Uint8Array,
    reference: PageReference | undefined,
  ): Promise<boolean> {
    const id = hexId(digest);
    if (await this.#writer.has(id)) {
      this.#placeAll(window, id);
      return false;
    }
    // Of a memory that is kept in part, what is read has changed: there is nothing to find.
    const isChanged = window.memory.kept !== undefined;
    if (!isChanged && (await this.#placeKnown(window, digest))) return false;
    const same = reference === undefined ? 0 : await this.#placeSame(window, reference);
    if (same === 0 && !this.#isPartial(window)) {
      this.#writer.promise(id);
      this.#placeAll(window, id);
      return true;
    }
    if (!isChanged) window.identity = identityOf(window, digest);
    await this.#gather(window);
    return false;
  }

  #placeAll({ slots, open }: Window, id: ChunkId): void {
    const chunk = this.#slots.chunks.of(id);
    for (let page = 0; page < open.length; page++) this.#slots.place(slots[open[page]!]!, chunk, page);
  }

  /** @returns whether the parent has just this window */
  async #placeKnown(window: Window, digest: Uint8Array): Promise<boolean> {
    const { windows } = this.#parent.pages;
    if (windows.size === 0) return false;
    const identity = identityOf(window, digest);
    const known = windows.get(identity);
    const { slots, open } = window;
    if (known?.length !== open.length || !(await this.#allStay(known))) return false;
    window.identity = identity;
    let next = 0;
    known.forEachPage((chunk, page) => {
      this.#slots.place(slots[open[next++]!]!, this.#slots.chunks.of(chunk), page);
    });
    return true;
  }

  async #allStay(known: KnownWindow): Promise<boolean> {
    for (const id of known.chunks()) if (!(await this.#writer.has(id))) return false;
    return true;
  }

  /** Whether some of its pages are decided by others. */
  #isPartial({ slots, open }: Window): boolean {
    let zeros = 0;
    for (const slot of slots) if (this.#slots.chunk(slot) === ZEROS) zeros++;
    return open.length + zeros < slots.length;
  }

  /** Places the pages that are byte for byte those of the reference. @returns how many */
  async #placeSame(window: Window, reference: PageReference): Promise<number> {
    const { addresses, slots, open } = window;
    let same = 0;
    const contents = new Map<ChunkId, Uint8Array | undefined>();
    for (let index = 0; index < open.length; index++) {
      const page = open[index]!;
      const known = reference.at(addresses[page]!);
      if (known === undefined) continue;
      if (!contents.has(known.chunk))
        contents.set(
          known.chunk,
          (await this.#writer.has(known.chunk)) ? await this.#read(known.chunk) : undefined,
        );
      const content = contents.get(known.chunk);
      if (content === undefined || !isPageOf(content, known.page, openPage(window, index))) continue;
      this.#slots.place(slots[page]!, this.#slots.chunks.of(known.chunk), known.page);
      same++;
    }
    return same;
  }

  /** The pages that are not placed yet go into chunks of single pages. */
  async #gather(window: Window): Promise<void> {
    for (let index = 0; index < window.open.length; index++) {
      const slot = window.slots[window.open[index]!]!;
      if (this.#slots.chunk(slot) === UNDECIDED) await this.#gatherer.add(openPage(window, index), slot);
    }
  }
}

function isPageOf(content: Uint8Array, page: number, bytes: Uint8Array): boolean {
  const start = page * PAGE_SIZE;
  if (start + PAGE_SIZE > content.length) return false;
  return Buffer.from(content.buffer, content.byteOffset + start, PAGE_SIZE).equals(bytes);
}

/** What a window is, all told: its content, and which pages of it those bytes are. */
function identityOf(window: Window, digest: Uint8Array): string {
  const { addresses, open } = window;
  const shape = Float64Array.from([addresses[0]!, addresses.length, ...open]);
  const bytes = new Uint8Array(shape.buffer);
  return hexId(contentHash().digest(digest, bytes).subarray(0, IDENTITY_SIZE));
}
