import { randomBytes } from 'node:crypto';
import type { GrowingObject, ObjectPart } from '../backend/object-backend.js';
import { type ChunkHeader, type ChunkRecord, decodeChunkHeader, isPayloadHashed } from '../chunk.js';
import { type ContentHash, HASH_SIZE } from '../content-hash.js';
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

  /** @param records not to be touched until `written` resolves */
  add(records: readonly ChunkRecord[]): { readonly added: AddedRecord[]; readonly written: Promise<void> } {
    const parts: ObjectPart[] = [];
    const added = records.map(({ header, payload }) => {
      const place = { pack: this.id, offset: this.#size, length: header.length + payload.length };
      const decoded = decodeChunkHeader(header)!;
      const { id, size } = decoded;
      this.#headers.push(new Uint8Array(header)); // slice() of a Buffer is no copy
      this.entries.push({ id, ...place });
      this.#size += place.length;
      const hash = header.subarray(0, HASH_SIZE);
      parts.push(header, isPayloadHashed(decoded) ? { bytes: payload, hash } : payload);
      return { id, size, ...place };
    });
    return { added, written: this.#next(() => this.#object.write(...joined(parts))) };
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

/** The same bytes in as few parts as may be: those that lie one behind the other are one, unless the hash of one is known. */
function joined(parts: readonly ObjectPart[]): ObjectPart[] {
  const all: ObjectPart[] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (last instanceof Uint8Array && part instanceof Uint8Array && isBehind(part, last))
      all[all.length - 1] = new Uint8Array(part.buffer, last.byteOffset, last.length + part.length);
    else all.push(part);
  }
  return all;
}

const isBehind = (part: Uint8Array, last: Uint8Array): boolean =>
  last.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset;
