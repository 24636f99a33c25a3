import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkId } from './content-hash.js';
import { WINDOW_PAGES } from './put/window.js';

const SLOT_SIZE = WINDOW_PAGES * PAGE_SIZE;
/** Slots: one for each content that is kept. */
const SLOTS = 48;
/** As many at most, while contents that had to go are needed again. */
const MOST_SLOTS = 256;
/** After so long it is found out anew whether more than SLOTS are needed. */
const GROWN_MS = 60_000;
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

interface IdleEntry {
  readonly id: ChunkId;
  readonly slot: Uint8Array;
}

interface Request {
  readonly count: number;
  readonly grant: (slots: Uint8Array[]) => void;
}

/**
 * Contents of chunks in memory that is used again and again, shared with threads: touching fresh memory costs more than
 * unpacking into it. The last ones are kept: more of them while those that just went are needed again, as when an image
 * is read whose pages are scattered over many chunks.
 */
export class ContentSlots {
  readonly #load: (group: readonly Loading[]) => void;
  /** Least recently used first. */
  readonly #entries = new Map<ChunkId, Entry>();
  readonly #free: Uint8Array[] = [];
  #made = 0;
  #limit = SLOTS;
  /** The contents that went last. */
  readonly #gone = new Set<ChunkId>();
  #shrinking: NodeJS.Timeout | undefined;
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
    for (const id of ids) if (this.#gone.delete(id)) this.#grow();
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
    for (; this.#free.length < count && this.#made < this.#limit; this.#made++)
      this.#free.push(new Uint8Array(new SharedArrayBuffer(SLOT_SIZE)));
    const missing = count - this.#free.length;
    const idle = missing > 0 ? this.#idle() : [];
    if (idle.length < missing) return false;
    this.#evict(idle.slice(0, missing));
    return true;
  }

  /** Contents that nobody looks at, and their slots; those that were used least recently first. */
  #idle(): IdleEntry[] {
    const idle: IdleEntry[] = [];
    for (const [id, { users, slot }] of this.#entries)
      if (users === 0 && slot !== undefined) idle.push({ id, slot });
    return idle;
  }

  #evict(entries: readonly IdleEntry[]): void {
    for (const { id, slot } of entries) {
      this.#entries.delete(id);
      this.#free.push(slot);
      this.#gone.add(id);
    }
    for (const id of this.#gone) {
      if (this.#gone.size <= MOST_SLOTS) break;
      this.#gone.delete(id);
    }
  }

  /** A content is needed again that would be here with one slot more, or some. */
  #grow(): void {
    if (this.#limit === MOST_SLOTS) return;
    this.#limit++;
    this.#shrinking ??= setTimeout(() => this.#shrink(), GROWN_MS).unref();
  }

  /** Gives back the memory of what is not in use. */
  #shrink(): void {
    this.#limit = SLOTS;
    const surplus = this.#made - SLOTS;
    this.#evict(this.#idle().slice(0, Math.max(0, surplus - this.#free.length)));
    this.#made -= this.#free.splice(0, surplus).length;
    this.#shrinking = this.#made > SLOTS ? setTimeout(() => this.#shrink(), GROWN_MS).unref() : undefined;
  }
}

const ignore = (): void => undefined;
