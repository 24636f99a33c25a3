import { type FileSystem, type OpenedFile, type Owners, realFileSystem } from '@ckptree/store';
import type { Durability } from './power-failure.js';

/** Thrown in place of every call from the moment of the crash on. */
export class Crash extends Error {
  readonly code = 'CRASHED';
}

/** Calls that change something, by name. Dying at one that only looks leaves the same as dying at the next of these. */
export type Change = 'create' | 'write' | 'sync' | 'link' | 'unlink' | 'mkdir';

/** @param file and bytes: only of a write */
type Before = (change: Change, file?: OpenedFile, bytes?: Uint8Array) => Promise<void>;

/**
 * The real file system, which asks before every call that changes something; that may never return, or throw from some
 * call on, for a dead process does nothing more.
 */
export class CrashingFileSystem implements FileSystem {
  readonly #before: Before;
  readonly #durability: Durability;

  constructor(durability: Durability, before: Before) {
    this.#durability = durability;
    this.#before = before;
  }

  async open(path: string, flags: number, mode?: number): Promise<OpenedFile> {
    if (mode !== undefined) await this.#before('create');
    const file = await realFileSystem.open(path, flags, mode);
    if (mode !== undefined) this.#durability.given(path);
    return {
      fd: file.fd,
      read: (target, position) => file.read(target, position),
      write: async (...parts) => {
        this.#durability.written(path);
        await this.#before('write', file, Buffer.concat(parts));
        await file.write(...parts);
      },
      sync: async () => {
        await this.#before('sync');
        await file.sync();
        this.#durability.synced(path);
      },
      stat: () => file.stat(),
      close: () => file.close(),
    };
  }

  async link(from: string, to: string): Promise<void> {
    await this.#before('link');
    await realFileSystem.link(from, to);
    this.#durability.given(to);
  }

  async unlink(path: string): Promise<void> {
    await this.#before('unlink');
    this.#durability.taking(path);
    await realFileSystem.unlink(path);
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await this.#before('mkdir');
    await realFileSystem.mkdir(path, mode);
    this.#durability.given(path);
  }

  readdir(path: string): Promise<string[]> {
    return realFileSystem.readdir(path);
  }

  lstat(path: string) {
    return realFileSystem.lstat(path);
  }
}

/** Processes that a test invents, so that one can die without the test. */
export class InventedOwners {
  readonly #dead = new Set<string>();
  #count = 0;

  next(): Owners & { readonly die: () => void } {
    const self = `0123456789ab.${++this.#count}.1`;
    return {
      self,
      state: (token) =>
        this.#dead.has(token) ? 'dead' : token.startsWith('0123456789ab.') ? 'alive' : 'foreign',
      die: () => void this.#dead.add(self),
    };
  }
}
