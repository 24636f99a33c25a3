import {
  type GrowingObject,
  type ObjectBackend,
  type ObjectPart,
  partBytes,
} from '../backend/object-backend.js';
import type { SpareSlabs } from './spare-slabs.js';

/** Bytes of memory that it grows by. */
const PIECE_SIZE = 4 * 1024 * 1024;

/** An object that is kept in memory until it is whole, for a backend to which objects are sent whole. */
export class HeldObject implements GrowingObject {
  readonly #backend: ObjectBackend;
  readonly #name: string;
  readonly #spares: SpareSlabs;
  /** All but the last are full. */
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(backend: ObjectBackend, name: string, spares: SpareSlabs) {
    this.#backend = backend;
    this.#name = name;
    this.#spares = spares;
  }

  async write(...parts: readonly ObjectPart[]): Promise<void> {
    for (const part of parts) this.#append(partBytes(part));
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const end = Math.min(position + length, this.#size);
    const found: Uint8Array[] = [];
    for (let at = position; at < end; ) {
      const start = at % PIECE_SIZE;
      const part = this.#pieces[Math.floor(at / PIECE_SIZE)]!.subarray(start, start + end - at);
      found.push(part);
      at += part.length;
    }
    return Buffer.concat(found);
  }

  commit(): Promise<boolean> {
    const parts = this.#pieces.map((piece, index) => piece.subarray(0, this.#size - index * PIECE_SIZE));
    return this.#backend.put(this.#name, parts);
  }

  async close(): Promise<void> {
    for (const piece of this.#pieces.splice(0)) this.#spares.give(piece);
    this.#size = 0;
  }

  #append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const used = this.#size % PIECE_SIZE;
      if (used === 0) this.#pieces.push(this.#spares.take(PIECE_SIZE));
      const part = bytes.subarray(done, done + PIECE_SIZE - used);
      this.#pieces.at(-1)!.set(part, used);
      this.#size += part.length;
      done += part.length;
    }
  }
}
