import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from './content-hash.js';
import { WINDOW_PAGES } from './put/window.js';

const SLOT_SIZE = WINDOW_PAGES * PAGE_SIZE;
/** Slots: one for each content that is kept. */
const SLOTS = 48;
/** Chunks that are loaded together, at most. */
const GROUP = 16;

/** A chunk that is to be loaded. Whoever has one must end it, by one or the other. */
export interface Loading {
  readonly id: ChunkId;
  /** Memory for so many bytes of content; unless said, for any chunk that is written here. */
  place(size?: number): Uint8Array;
  loaded(content: Uint8Array): void;
  failed(error: unknown): void;
}

interface Entry {
  readonly content: Promise<Uint8Array>;
  /** Those who look at it now, or fill it. */
  users: number;
  slot: Uint8Array | undefined;
}

interface Request {
  readonly count: number;
  readonly grant: (slots: Uint8Array[]) => void;
}

/**
 * Contents of chunks in memory that is used again and again, shared with threads: touching fresh memory costs more than
 * unpacking into it. The last ones are kept.
 */
export class ContentSlots {
  readonly #load: (group: readonly Loading[]) => void;
  /** Least recently used first. */
  readonly #entries = new Map<ChunkId, Entry>();
  readonly #free: Uint8Array[] = [];
  #made = 0;
  /** Each gets all that it asks for at once: two that had half of it each would wait for ever. */
  readonly #requests: Request[] = [];

  /** @param load begins to load chunks */
  constructor(load: (group: readonly Loading[]) => void) {
    this.#load = load;
  }

  /**
   * Lets somebody look at a content, now and not later.
   * @throws what loading failed with
   */
  async use(id: ChunkId, visit: (content: Uint8Array) => void): Promise<void> {
    if (!this.#entries.has(id)) this.prepare([id]);
    const entry = this.#entries.get(id)!;
    this.#entries.delete(id);
    this.#entries.set(id, entry);
    entry.users++;
    try {
      visit(await entry.content);
    } finally {
      this.#leave(entry);
    }
  }

  /** Begins to load those of the chunks that are not here: they are about to be used. */
  prepare(ids: readonly ChunkId[]): void {
    const missing = [...new Set(ids)].filter((id) => !this.#entries.has(id));
    for (let at = 0; at < missing.length; at += GROUP) this.#begin(missing.slice(at, at + GROUP));
  }

  #begin(ids: readonly ChunkId[]): void {
    const group = ids.map((id) => this.#entering(id));
    const grant = (slots: Uint8Array[]): void => {
      for (const [index, { entry }] of group.entries()) entry.slot = slots[index]!;
      this.#load(group.map(({ loading }) => loading));
    };
    this.#requests.push({ count: ids.length, grant });
    this.#serve();
  }

  #entering(id: ChunkId): { readonly entry: Entry; readonly loading: Loading } {
    let [resolve, reject]: [(content: Uint8Array) => void, (error: unknown) => void] = [ignore, ignore];
    const content = new Promise<Uint8Array>((...functions) => {
      [resolve, reject] = functions;
    });
    content.catch(ignore); // thrown again where it is used
    const entry: Entry = { content, users: 1, slot: undefined };
    this.#entries.set(id, entry);
    const loading: Loading = {
      id,
      // Larger than any that is written here: memory of its own.
      place: (size = SLOT_SIZE) =>
        size > SLOT_SIZE ? new Uint8Array(new SharedArrayBuffer(size)) : entry.slot!.subarray(0, size),
      loaded: (bytes) => {
        resolve(bytes);
        this.#leave(entry);
      },
      failed: (error) => {
        reject(error);
        this.#entries.delete(id);
        this.#free.push(entry.slot!);
        this.#serve();
      },
    };
    return { entry, loading };
  }

  #leave(entry: Entry): void {
    entry.users--;
    if (entry.users === 0) this.#serve();
  }

  /** Grants what can be granted, in order. */
  #serve(): void {
    for (let request = this.#requests[0]; request !== undefined; request = this.#requests[0]) {
      if (!this.#makeFree(request.count)) return;
      this.#requests.shift();
      request.grant(this.#free.splice(0, request.count));
    }
  }

  /** @returns whether so many slots are free */
  #makeFree(count: number): boolean {
    for (; this.#free.length < count && this.#made < SLOTS; this.#made++)
      this.#free.push(new Uint8Array(new SharedArrayBuffer(SLOT_SIZE)));
    if (this.#free.length >= count) return true;
    const idle = [...this.#entries].filter(([, { users, slot }]) => users === 0 && slot !== undefined);
    if (this.#free.length + idle.length < count) return false;
    for (const [id, { slot }] of idle.slice(0, count - this.#free.length)) {
      this.#entries.delete(id);
      this.#free.push(slot!);
    }
    return true;
  }
}

const ignore = (): void => undefined;
