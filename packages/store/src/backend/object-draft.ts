import { constants } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import type { OpenedFile } from './file-system.js';
import { checkOwner, codeOf, type StoreFolder } from './store-folder.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;

/** Where objects are written before they get their name. */
export const TEMPORARY = 'tmp';
/** Where others put files that they want to become objects: see FolderBackend.adopt(). */
export const INCOMING = 'incoming';

const FILE_MODE = 0o600;

/** The bytes of an object that is not there yet. */
export interface DraftContent {
  /** Bytes so far. */
  readonly size: number;
  /** Up to `length` bytes at `position`; fewer only at the end. @param target where they may be put */
  read(position: number, length: number, target?: Uint8Array): Promise<Uint8Array>;
}

/** An object on its way into a folder: a temporary file, which gets the object's name once it is whole. */
export class ObjectDraft implements DraftContent {
  readonly name: string;
  readonly #folder: StoreFolder;
  readonly #path: string;
  readonly #file: OpenedFile;
  #size: number;
  #open = true;

  private constructor(folder: StoreFolder, name: string, path: string, file: OpenedFile, size: number) {
    this.#folder = folder;
    this.name = name;
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  /** An empty one. */
  static async create(folder: StoreFolder, name: string): Promise<ObjectDraft> {
    const path = await folder.temporaryPath(TEMPORARY);
    try {
      const file = await folder.fs.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
      return new ObjectDraft(folder, name, path, file, 0);
    } catch (error) {
      throw folder.failed('could not store', name, error);
    }
  }

  /**
   * One whose bytes are there already, in a file of the `incoming` subfolder. It is given a second name among the
   * temporary files first: whatever becomes of the other name, what was checked is what is committed.
   */
  static async adopt(folder: StoreFolder, name: string, incoming: string): Promise<ObjectDraft> {
    await folder.subfolder(INCOMING, true);
    const source = folder.pathOf(`${INCOMING}/${incoming}`);
    const path = await folder.temporaryPath(TEMPORARY);
    try {
      await folder.fs.link(source, path);
    } catch (error) {
      throw folder.failed('could not take in', `${INCOMING}/${incoming}`, error);
    }
    let file: OpenedFile | undefined;
    try {
      file = await folder.fs.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const status = await file.stat();
      if (status.kind !== 'file')
        throw new CkptError('EINVAL', `it is not a plain file but a ${status.kind}`, { path: source });
      checkOwner(source, 'who could change it once it is stored', status);
      return new ObjectDraft(folder, name, path, file, status.size);
    } catch (error) {
      await file?.close();
      await folder.fs.unlink(path).catch(() => undefined); // cleanUp() gets it later
      throw folder.failed('could not take in', `${INCOMING}/${incoming}`, error);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Appends. One call at a time. @throws ENOSPC, EIO */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#file.write(bytes);
      this.#size += bytes.length;
    } catch (error) {
      throw this.#folder.failed('could not store', this.name, error);
    }
  }

  async read(position: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    try {
      const size = Math.max(0, Math.min(length, this.#size - position));
      const buffer = target?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size);
      return buffer.subarray(0, await this.#file.read(buffer, position));
    } catch (error) {
      throw this.#folder.failed('could not read', this.name, error);
    }
  }

  /**
   * Makes it the object, durably, unless one of its name is there.
   * @returns false when the name was taken; that object stays as it is
   */
  async commit(): Promise<boolean> {
    const folder = await this.#folder.folderOf(this.name, true);
    try {
      // Its names are made durable with the folder. To one that was deposited, and is durable, this costs nothing.
      await this.#file.sync(true);
      const created = await this.#linkIfAbsent();
      // Also when it was there: its writer may not have come to this yet, and our caller will rely on it.
      await this.#folder.sync(folder);
      return created;
    } catch (error) {
      throw this.#folder.failed('could not store', this.name, error);
    }
  }

  /** Gives back what it holds, committed or not. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#folder.fs.unlink(this.#path).catch(() => undefined); // cleanUp() gets it later
    await this.#file.close();
  }

  async #linkIfAbsent(): Promise<boolean> {
    try {
      await this.#folder.fs.link(this.#path, this.#folder.pathOf(this.name));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }
}
