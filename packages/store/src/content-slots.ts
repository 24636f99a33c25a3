import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from './content-hash.js';
import { WINDOW_PAGES } from './put/window.js';

const SLOT_SIZE = WINDOW_PAGES * PAGE_SIZE;

/** Gets the content of a chunk. @param place gives memory for so many bytes */
export type LoadContent = (id: ChunkId, place: (size: number) => Promise<Uint8Array>) => Promise<Uint8Array>;

interface Entry {
  readonly content: Promise<Uint8Array>;
  /** Those who look at it now, the loader included. */
  users: number;
  slot?: Uint8Array;
}

/**
 * Contents of chunks in memory that is used again and again, shared with threads: touching fresh memory costs more than
 * unpacking into it. The last ones are kept.
 */
export class ContentSlots {
  readonly #load: LoadContent;
  /** Least recently used first. */
  readonly #entries = new Map<ChunkId, Entry>();
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((slot: Uint8Array) => void)[] = [];
  #left: number;

  /** @param count of slots of 1 MiB. */
  constructor(load: LoadContent, count: number) {
    this.#load = load;
    this.#left = count;
  }

  /**
   * Lets somebody look at a content, now and not later.
   * @throws what loading throws
   */
  async use(id: ChunkId, visit: (content: Uint8Array) => void): Promise<void> {
    const entry = this.#entries.get(id) ?? this.#begin(id);
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    entry.users++;
    try {
      visit(await entry.content);
    } finally {
      this.#leave(entry);
    }
  }

  #begin(id: ChunkId): Entry {
    const place = (size: number): Promise<Uint8Array> => this.#place(entry, size);
    // Not before the entry is there: loading may ask for a place at once.
    const content = Promise.resolve().then(() => this.#load(id, place));
    const entry: Entry = { content, users: 1 };
    content.then(
      () => this.#leave(entry),
      () => {
        if (this.#entries.get(id) === entry) this.#entries.delete(id);
        if (entry.slot !== undefined) this.#give(entry.slot);
      },
    );
    return entry;
  }

  async #place(entry: Entry, size: number): Promise<Uint8Array> {
    // Larger than any that is written here; it goes when nobody looks at it any more.
    if (size > SLOT_SIZE) return new Uint8Array(new SharedArrayBuffer(size));
    entry.slot = await this.#take();
    return entry.slot.subarray(0, size);
  }

  #take(): Promise<Uint8Array> {
    const slot = this.#free.pop() ?? this.#make() ?? this.#evict();
    return slot === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(slot);
  }

  #make(): Uint8Array | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    return new Uint8Array(new SharedArrayBuffer(SLOT_SIZE));
  }

  /** Takes the slot of the one that was not used for longest, and is not used now. */
  #evict(): Uint8Array | undefined {
    for (const [id, { users, slot }] of this.#entries) {
      if (users > 0) continue;
      this.#entries.delete(id);
      if (slot !== undefined) return slot;
    }
    return undefined;
  }

  #leave(entry: Entry): void {
    entry.users--;
    if (entry.users > 0 || this.#waiting.length === 0) return;
    const slot = this.#evict();
    if (slot !== undefined) this.#give(slot);
  }

  #give(slot: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
