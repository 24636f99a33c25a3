import { contentHash, hexId } from '@ckptree/store';

/** The content of an object that is to be sent: cut into pieces, and hashed while it is sent for the first time. */
export class ObjectContent {
  /** Bytes. */
  readonly size: number;
  readonly #parts: readonly Uint8Array[];
  readonly #running = contentHash().begin();
  #hashed = 0;
  #hash: string | undefined;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    this.size = parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Bytes `start` to `end`; a view where they stand in one part. */
  slice(start: number, end: number): Uint8Array {
    const found: Uint8Array[] = [];
    let position = 0;
    for (const part of this.#parts) {
      const [from, to] = [Math.max(start - position, 0), Math.min(end - position, part.length)];
      if (from < to) found.push(part.subarray(from, to));
      position += part.length;
    }
    return found.length === 1 ? found[0]! : Buffer.concat(found);
  }

  /** All of it in pieces, in order. */
  *pieces(size: number): Iterable<{ readonly position: number; readonly bytes: Uint8Array }> {
    for (let position = 0; position < this.size; position += size) {
      const bytes = this.slice(position, Math.min(position + size, this.size));
      if (position === this.#hashed) {
        this.#running.update(bytes);
        this.#hashed += bytes.length;
      }
      yield { position, bytes };
    }
  }

  /** BLAKE3 of all of it. Costs nothing once all pieces were sent. */
  hash(): string {
    while (this.#hashed < this.size) {
      const bytes = this.slice(this.#hashed, Math.min(this.#hashed + HASH_PIECE, this.size));
      this.#running.update(bytes);
      this.#hashed += bytes.length;
    }
    this.#hash ??= hexId(this.#running.digest());
    return this.#hash;
  }
}

const HASH_PIECE = 1024 * 1024;
