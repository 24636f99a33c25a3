import { randomBytes } from 'node:crypto';
import type { GrowingObject } from '../backend/object-backend.js';
import { CHUNK_HEADER_SIZE, type ChunkHeader, decodeChunkHeader } from '../chunk.js';
import type { ContentHash } from '../content-hash.js';
import type { ChunkPlace, IndexEntry } from '../index/chunk-place.js';
import { encodePackEnd, encodePackHeader, PACK_HEADER_SIZE, type PackId } from './pack-format.js';

export const newPackId = (): PackId => randomBytes(16).toString('hex');

/**
 * Puts a pack together. Records go to its object as they come, in the order of the calls; it becomes one when it is whole,
 * and not before. Once something has failed, everything after it fails in the same way.
 */
export class PackBuilder {
  readonly id: PackId;
  readonly entries: IndexEntry[] = [];
  readonly #object: GrowingObject;
  readonly #headers: Uint8Array[] = [];
  #size = 0;
  /** What is done with the object, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param object an empty one, packName(id). The builder closes it */
  constructor(id: PackId, object: GrowingObject) {
    this.id = id;
    this.#object = object;
    const header = encodePackHeader(id);
    this.#size = PACK_HEADER_SIZE;
    this.#next(() => object.write(header));
  }

  /** Bytes so far, without the end. */
  get size(): number {
    return this.#size;
  }

  /**
   * @param bytes   records (header and payload), one behind the other; not to be touched until `written` resolves
   * @param lengths of each
   */
  add(
    bytes: Uint8Array,
    lengths: Uint32Array,
  ): { readonly added: AddedRecord[]; readonly written: Promise<void> } {
    let start = 0;
    const added = Array.from(lengths, (length) => {
      const header = bytes.slice(start, start + CHUNK_HEADER_SIZE);
      const place = { pack: this.id, offset: this.#size + start, length };
      const { id, size } = decodeChunkHeader(header)!;
      this.#headers.push(header);
      this.entries.push({ id, ...place });
      start += length;
      return { id, size, ...place };
    });
    this.#size += start;
    return { added, written: this.#next(() => this.#object.write(bytes)) };
  }

  /** A record that was added. Asked for before close(), it comes, whatever is done meanwhile. */
  record({ offset, length }: ChunkPlace): Promise<Uint8Array> {
    return this.#next(() => this.#object.read(offset, length));
  }

  /** Makes it an object, durable. @returns its bytes; undefined when there is one of that name */
  async seal(hash: ContentHash): Promise<number | undefined> {
    const end = encodePackEnd(this.id, Buffer.concat(this.#headers), this.#size, hash);
    for (const part of end) this.#next(() => this.#object.write(part));
    const size = end.reduce((sum, { length }) => sum + length, this.#size);
    return (await this.#next(() => this.#object.commit())) ? size : undefined;
  }

  /** Gives back what it holds, sealed or not. */
  async close(): Promise<void> {
    await this.#last.catch(() => undefined); // whoever asked for it was told
    await this.#object.close();
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done;
    done.catch(() => undefined); // the next one throws it, too: at the latest seal() does
    return done;
  }
}

/** Where a record is, and the content that it stands for: its id and bytes. */
export type AddedRecord = ChunkPlace & Pick<ChunkHeader, 'id' | 'size'>;
