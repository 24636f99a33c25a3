import { constants } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { KIND } from '../layout.js';
import type { OpenedFile } from './file-system.js';
import { type GrowingObject, type ObjectPart, partBytes } from './object-backend.js';
import { checkOwner, codeOf, type StoreFolder } from './store-folder.js';
import { type DraftContent, TemporaryFile } from './temporary-file.js';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Where objects are written before they get their name. */
export const TEMPORARY = 'tmp';
/** Where others put files that they want to become objects: see FolderBackend.adopt(). */
export const INCOMING = 'incoming';

/** An object on its way into a folder: a temporary file, which gets the object's name once it is whole. */
export class ObjectDraft implements DraftContent, GrowingObject {
  readonly name: string;
  readonly #folder: StoreFolder;
  readonly #file: TemporaryFile;

  private constructor(folder: StoreFolder, name: string, file: TemporaryFile) {
    this.#folder = folder;
    this.name = name;
    this.#file = file;
  }

  /** An empty one. */
  static async create(folder: StoreFolder, name: string): Promise<ObjectDraft> {
    return new ObjectDraft(folder, name, await TemporaryFile.create(folder, TEMPORARY, name));
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
      return new ObjectDraft(folder, name, new TemporaryFile(folder, path, name, file, status.size));
    } catch (error) {
      await file?.close();
      await folder.fs.unlink(path).catch(() => undefined); // cleanUp() gets it later
      throw folder.failed('could not take in', `${INCOMING}/${incoming}`, error);
    }
  }

  get size(): number {
    return this.#file.size;
  }

  /** Appends. One call at a time. @throws ENOSPC, EIO */
  write(...parts: readonly ObjectPart[]): Promise<void> {
    return this.#file.write(...parts.map(partBytes));
  }

  read(position: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    return this.#file.read(position, length, target);
  }

  async commit(): Promise<boolean> {
    const folder = await this.#folder.folderOf(this.name, true);
    // Its names are made durable with the folder. To one that was deposited, and is durable, this costs nothing.
    await this.#file.sync();
    try {
      await this.#keepWhatItNames();
      const created = await this.#linkIfAbsent();
      // Also when it was there: its writer may not have come to this yet, and our caller will rely on it.
      await this.#folder.sync(folder);
      return created;
    } catch (error) {
      throw this.#folder.failed('could not store', this.name, error);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  /** A checkpoint may rely on packs whose writer died before their names were durable. Where they are, this costs nothing. */
  async #keepWhatItNames(): Promise<void> {
    if (!this.name.startsWith(`${KIND.manifests}/`)) return;
    await this.#folder.sync(await this.#folder.subfolder(KIND.packs, true));
  }

  async #linkIfAbsent(): Promise<boolean> {
    try {
      await this.#folder.fs.link(this.#file.path, this.#folder.pathOf(this.name));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }
}
