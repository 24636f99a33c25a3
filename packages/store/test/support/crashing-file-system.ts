import { readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type FileSystem, type OpenedFile, type Owners, realFileSystem } from '@ckptree/store';

/** What a power failure leaves of a file whose bytes were never synced. */
export type Torn = 'empty' | 'half' | 'garbage' | 'whole';

/** Thrown by every call from the moment of the crash on: a dead process does nothing more. */
export class Crash extends Error {
  readonly code = 'CRASHED';
}

/** Calls that only look: dying at one leaves the same as dying at the next call that changes something. */
const LOOKING = new Set(['read', 'stat', 'lstat', 'readdir', 'open to read']);

/**
 * The real file system up to the n-th call that changes something; then the power fails. Bytes that were not synced may be lost, and so may
 * names that were given or taken since their folder was last synced.
 */
export class CrashingFileSystem implements FileSystem {
  calls = 0;
  /** What was called, in order: so that a test can tell which calls it covers. */
  readonly log: string[] = [];
  crashed = false;
  readonly #crashAt: number;
  readonly #torn: Torn;
  /** Files with bytes that may be lost. */
  readonly #unsynced = new Set<string>();
  /** Undoes the changes to a folder that were not synced. */
  readonly #undo = new Map<string, (() => Promise<void>)[]>();

  constructor(crashAt: number, torn: Torn) {
    this.#crashAt = crashAt;
    this.#torn = torn;
  }

  async open(path: string, flags: number, mode?: number): Promise<OpenedFile> {
    await this.#call(mode === undefined ? 'open to read' : 'create');
    const file = await realFileSystem.open(path, flags, mode);
    if (mode !== undefined) this.#onFolder(path, () => unlink(path));
    return {
      read: async (target, position) => {
        await this.#call('read');
        return file.read(target, position);
      },
      write: async (bytes) => {
        this.#unsynced.add(path);
        await this.#call('write');
        await file.write(bytes);
      },
      sync: async () => {
        await this.#call('sync');
        await file.sync();
        this.#unsynced.delete(path);
        this.#undo.delete(path);
      },
      stat: async () => {
        await this.#call('stat');
        return file.stat();
      },
      // Closing is no moment of its own, and must work for the test to leave nothing open.
      close: () => file.close(),
    };
  }

  async link(from: string, to: string): Promise<void> {
    await this.#call('link');
    await realFileSystem.link(from, to);
    this.#onFolder(to, () => unlink(to));
  }

  async unlink(path: string): Promise<void> {
    await this.#call('unlink');
    const content = await readFile(path);
    await realFileSystem.unlink(path);
    this.#onFolder(path, () => writeFile(path, content, { mode: 0o600 }));
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await this.#call('mkdir');
    await realFileSystem.mkdir(path, mode);
  }

  async readdir(path: string): Promise<string[]> {
    await this.#call('readdir');
    return realFileSystem.readdir(path);
  }

  async lstat(path: string) {
    await this.#call('lstat');
    return realFileSystem.lstat(path);
  }

  #onFolder(path: string, undo: () => Promise<void>): void {
    const folder = dirname(path);
    this.#undo.set(folder, [...(this.#undo.get(folder) ?? []), undo]);
  }

  async #call(what: string): Promise<void> {
    if (this.crashed) throw new Crash('the process is dead');
    if (LOOKING.has(what)) return;
    this.calls++;
    this.log.push(what);
    if (this.calls !== this.#crashAt) return;
    this.crashed = true;
    await this.#failPower();
    throw new Crash(`crashed at call ${this.calls} (${what})`);
  }

  async #failPower(): Promise<void> {
    if (this.#torn === 'whole') return;
    for (const path of this.#unsynced) await tear(path, this.#torn).catch(() => undefined);
    for (const undos of this.#undo.values())
      for (const undo of undos.reverse()) await undo().catch(() => undefined);
  }
}

async function tear(path: string, torn: Torn): Promise<void> {
  const { length } = await readFile(path);
  if (torn === 'empty') await truncate(path, 0);
  else if (torn === 'half') await truncate(path, length >> 1);
  else await writeFile(path, Buffer.alloc(length, 0xa5));
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
