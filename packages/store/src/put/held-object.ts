import type { GrowingObject, ObjectBackend } from '../backend/object-backend.js';
import { SLAB_SIZE } from './slab-pool.js';
import type { SpareSlabs } from './spare-slabs.js';

/** An object that is kept in memory until it is whole, for a backend to which objects are sent whole. */
export class HeldObject implements GrowingObject {
  readonly #backend: ObjectBackend;
  readonly #name: string;
  readonly #spares: SpareSlabs;
  /** All but the last are full. */
  readonly #slabs: Uint8Array[] = [];
  #size = 0;

  constructor(backend: ObjectBackend, name: string, spares: SpareSlabs) {
    this.#backend = backend;
    this.#name = name;
    this.#spares = spares;
  }

  async write(...parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.#append(part);
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const end = Math.min(position + length, this.#size);
    const found: Uint8Array[] = [];
    for (let at = position; at < end; ) {
      const start = at % SLAB_SIZE;
      const part = this.#slabs[Math.floor(at / SLAB_SIZE)]!.subarray(start, start + end - at);
      found.push(part);
      at += part.length;
    }
    return Buffer.concat(found);
  }

  commit(): Promise<boolean> {
    const parts = this.#slabs.map((slab, index) => slab.subarray(0, this.#size - index * SLAB_SIZE));
    return this.#backend.put(this.#name, parts);
  }

  async close(): Promise<void> {
    for (const slab of this.#slabs.splice(0)) this.#spares.give(slab);
    this.#size = 0;
  }

  #append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const used = this.#size % SLAB_SIZE;
      if (used === 0) this.#slabs.push(this.#spares.take(SLAB_SIZE));
      const part = bytes.subarray(done, done + SLAB_SIZE - used);
      this.#slabs.at(-1)!.set(part, used);
      this.#size += part.length;
      done += part.length;
    }
  }
}
