import type { ObjectPart } from './backend/object-backend.js';
import { contentHash, type RunningHash } from './content-hash.js';

/** Bytes: smaller parts are hashed with their neighbours, so that there are not too many. */
const WORTHWHILE = 64 * 1024;
/** Parts of a hash, at most. */
export const PARTS_LIMIT = 4096;

/** What proves the bytes of an object. */
export interface PartsProof {
  /** BLAKE3, 32 bytes: of all bytes, or, when there are parts, of the hashes of these, one behind the other. */
  readonly hash: Buffer;
  /** Bytes of each part, if there are several. */
  readonly parts?: number[];
}

/** Hashes an object as it is written, and leaves out what is hashed already: such parts are told of by their hashes. */
export class PartsHash {
  readonly #hashes: Uint8Array[] = [];
  readonly #parts: number[] = [];
  #open: RunningHash = contentHash().begin();
  #openSize = 0;

  add(part: ObjectPart): void {
    if (part instanceof Uint8Array) return this.#update(part);
    const { bytes, hash } = part;
    // Two more may come: what is open before it, and behind.
    if (bytes.length < WORTHWHILE || this.#parts.length + 3 > PARTS_LIMIT) return this.#update(bytes);
    this.#close();
    this.#hashes.push(new Uint8Array(hash)); // slice() of a Buffer is no copy
    this.#parts.push(bytes.length);
  }

  /** Nothing is added any more. */
  finish(): PartsProof {
    if (this.#parts.length === 0) return { hash: this.#open.digest() };
    this.#close();
    return { hash: contentHash().digest(...this.#hashes), parts: this.#parts };
  }

  #update(bytes: Uint8Array): void {
    this.#open.update(bytes);
    this.#openSize += bytes.length;
  }

  #close(): void {
    if (this.#openSize === 0) return;
    this.#hashes.push(this.#open.digest());
    this.#parts.push(this.#openSize);
    this.#open = contentHash().begin();
    this.#openSize = 0;
  }
}

/** The same hash, of bytes that come one behind the other in any pieces. @param parts as PartsHash told them, of all bytes */
export function hashInParts(parts: readonly number[]): RunningHash {
  const outer = contentHash().begin();
  let part = contentHash().begin();
  let number = 0;
  let left = parts[number]!;
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + left);
        part.update(piece);
        at += piece.length;
        left -= piece.length;
        if (left > 0) continue;
        outer.update(part.digest());
        part = contentHash().begin();
        left = parts[++number] ?? Number.POSITIVE_INFINITY;
      }
    },
    digest: () => outer.digest(),
  };
}
