import { randomBytes } from 'node:crypto';
import { CHUNK_HEADER_SIZE } from '../chunk.js';
import type { ContentHash } from '../content-hash.js';
import { encodePackEnd, encodePackHeader, PACK_HEADER_SIZE, type PackId } from './pack-format.js';

/** Puts a pack together in memory: it becomes an object when it is whole, and not before. */
export class PackBuilder {
  readonly id: PackId = randomBytes(16).toString('hex');
  readonly #parts: Uint8Array[] = [encodePackHeader(this.id)];
  readonly #headers: Uint8Array[] = [];
  #size = PACK_HEADER_SIZE;

  /** Bytes so far, without the end. */
  get size(): number {
    return this.#size;
  }

  get isEmpty(): boolean {
    return this.#headers.length === 0;
  }

  /** @param record header and payload; kept, not copied. @returns its offset */
  add(record: Uint8Array): number {
    const offset = this.#size;
    this.#parts.push(record);
    this.#headers.push(record.subarray(0, CHUNK_HEADER_SIZE));
    this.#size += record.length;
    return offset;
  }

  /** The whole pack, in parts. */
  finish(hash: ContentHash): Uint8Array[] {
    return [...this.#parts, ...encodePackEnd(this.id, Buffer.concat(this.#headers), this.#size, hash)];
  }
}
