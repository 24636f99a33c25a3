import { randomBytes } from 'node:crypto';
import { CHUNK_HEADER_SIZE, decodeChunkHeader, RECORD_LIMIT } from '../chunk.js';
import type { ContentHash } from '../content-hash.js';
import type { IndexEntry } from '../index/chunk-place.js';
import { encodePackEnd, encodePackHeader, PACK_HEADER_SIZE, type PackId } from './pack-format.js';

/** Bytes of the buffer for a pack that is sealed once it holds `packSize` bytes. */
export const packBufferSize = (packSize: number): number => PACK_HEADER_SIZE + packSize + RECORD_LIMIT;

/** Puts a pack together in memory: it becomes an object when it is whole, and not before. */
export class PackBuilder {
  readonly id: PackId = randomBytes(16).toString('hex');
  readonly entries: IndexEntry[] = [];
  readonly buffer: Uint8Array;
  readonly #headers: Uint8Array[] = [];
  #size = PACK_HEADER_SIZE;

  /** @param buffer of packBufferSize(), which may hold anything */
  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
    buffer.set(encodePackHeader(this.id));
  }

  /** Bytes so far, without the end. */
  get size(): number {
    return this.#size;
  }

  /** @param record header and payload; copied. @returns the copy, which stays until the buffer is used again */
  add(record: Uint8Array): Uint8Array {
    const offset = this.#size;
    this.buffer.set(record, offset);
    this.#size += record.length;
    const copy = this.buffer.subarray(offset, this.#size);
    this.#headers.push(copy.slice(0, CHUNK_HEADER_SIZE));
    const { id } = decodeChunkHeader(copy)!;
    this.entries.push({ id, pack: this.id, offset, length: record.length });
    return copy;
  }

  /** The whole pack, in parts. */
  finish(hash: ContentHash): Uint8Array[] {
    const end = encodePackEnd(this.id, Buffer.concat(this.#headers), this.#size, hash);
    return [this.buffer.subarray(0, this.#size), ...end];
  }
}
