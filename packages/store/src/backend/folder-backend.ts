import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { asCkptError, CkptError } from '@ckptree/errors';
import { hostOwners, type Owners } from '../owner.js';
import { type FileSystem, type OpenedFile, realFileSystem } from './file-system.js';
import { checkObjectName, isObjectName, type ObjectBackend, type ObjectInfo } from './object-backend.js';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Where objects are written before they get their name. */
const TEMPORARY = 'tmp';
/** A temporary file of another host is given up after so long without a write. */
const FOREIGN_TEMPORARY_MS = 24 * 3600 * 1000;

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const WRITABLE_BY_OTHERS = 0o002;

export interface FolderOptions {
  readonly fileSystem?: FileSystem;
  readonly owners?: Owners;
  /** Make the folder when it is not there. */
  readonly create?: boolean;
}

/**
 * Objects as files of one folder, a subfolder for each kind. An object is written under a temporary name, synced,
 * linked to its own name (which fails when that is taken), and the subfolder is synced: so a name that is seen is a
 * whole file, and what put() has returned survives a crash.
 */
export class FolderBackend implements ObjectBackend {
  readonly location: string;
  readonly #fs: FileSystem;
  readonly #owners: Owners;
  /** Subfolders that were found to be in order. */
  readonly #checked = new Set<string>();

  private constructor(path: string, { fileSystem = realFileSystem, owners = hostOwners() }: FolderOptions) {
    this.location = path;
    this.#fs = fileSystem;
    this.#owners = owners;
  }

  /**
   * @throws ENOENT no such folder; EPERM it belongs to somebody else, or anybody may write to it; EINVAL it is no
   *         folder, or a link stands where a folder should
   */
  static async open(path: string, options: FolderOptions = {}): Promise<FolderBackend> {
    const backend = new FolderBackend(path, options);
    if (options.create) await backend.#makeFolder(path);
    // The last step of the path to the store may be a link: it is the user's word, not the store's content.
    await backend.#checkFolder(`${path}/.`);
    return backend;
  }

  async put(name: string, content: readonly Uint8Array[]): Promise<boolean> {
    checkObjectName(name);
    const folder = await this.#folderOf(name, true);
    const temporary = await this.#writeTemporary(name, content);
    try {
      const created = await this.#linkIfAbsent(temporary, this.#pathOf(name));
      // Also when it was there: its writer may not have come to this yet, and our caller will rely on it.
      await this.#syncFolder(folder);
      return created;
    } catch (error) {
      throw this.#failed('could not store', name, error);
    } finally {
      await this.#fs.unlink(temporary).catch(() => undefined); // cleanUp() gets it later
    }
  }

  async read(name: string, position: number, length: number): Promise<Uint8Array> {
    checkObjectName(name);
    await this.#folderOf(name, false);
    let file: OpenedFile | undefined;
    try {
      // NONBLOCK: a pipe that somebody put there must not hang us.
      file = await this.#fs.open(this.#pathOf(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const { kind, size } = await file.stat();
      if (kind !== 'file') throw new CkptError('EINVAL', 'it is not a plain file; remove it', { path: name });
      const target = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - position)));
      const done = await file.read(target, position);
      return target.subarray(0, done);
    } catch (error) {
      throw this.#failed('could not read', name, error);
    } finally {
      await file?.close();
    }
  }

  async list(kind: string): Promise<ObjectInfo[]> {
    const names = (await this.#readFolder(kind)).map((name) => `${kind}/${name}`).sort();
    const found: ObjectInfo[] = [];
    for (const name of names) {
      if (!isObjectName(name)) continue; // strays() tells of it
      const status = await this.#statusOrNone(this.#pathOf(name));
      if (status?.kind === 'file') found.push({ name, size: status.size });
    }
    return found;
  }

  async delete(name: string): Promise<void> {
    checkObjectName(name);
    await this.#folderOf(name, false);
    try {
      await this.#fs.unlink(this.#pathOf(name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw this.#failed('could not delete', name, error);
    }
  }

  /** Whatever lies in a subfolder and is no object: links, odd names, folders. As paths below the store. */
  async strays(kind: string): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await this.#readFolder(kind)) {
      const name = `${kind}/${entry}`;
      const status = await this.#statusOrNone(join(this.location, name));
      if (status !== undefined && (status.kind !== 'file' || !isObjectName(name))) found.push(name);
    }
    return found;
  }

  /** Removes the temporary files of writers that died. */
  async cleanUp(): Promise<void> {
    for (const entry of await this.#readFolder(TEMPORARY)) {
      const path = join(this.location, TEMPORARY, entry);
      const state = this.#owners.state(entry.slice(0, entry.lastIndexOf('.')));
      const age = Date.now() - ((await this.#statusOrNone(path))?.mtimeMs ?? 0);
      if (state === 'dead' || (state === 'foreign' && age > FOREIGN_TEMPORARY_MS))
        await this.#fs.unlink(path).catch(ignoreHarmless);
    }
  }

  async #writeTemporary(name: string, content: readonly Uint8Array[]): Promise<string> {
    await this.#subfolder(TEMPORARY, true);
    const path = join(this.location, TEMPORARY, `${this.#owners.self}.${randomBytes(8).toString('hex')}`);
    let file: OpenedFile | undefined;
    try {
      file = await this.#fs.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
      for (const part of content) await file.write(part);
      await file.sync();
      return path;
    } catch (error) {
      await this.#fs.unlink(path).catch(() => undefined);
      throw this.#failed('could not store', name, error);
    } finally {
      await file?.close();
    }
  }

  async #linkIfAbsent(from: string, to: string): Promise<boolean> {
    try {
      await this.#fs.link(from, to);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  }

  async #readFolder(kind: string): Promise<string[]> {
    try {
      await this.#subfolder(kind, false);
      return await this.#fs.readdir(join(this.location, kind));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.#failed('could not list', kind, error);
    }
  }

  async #statusOrNone(path: string) {
    try {
      return await this.#fs.lstat(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined; // deleted meanwhile
      throw this.#failed('could not look at', path, error);
    }
  }

  #pathOf(name: string): string {
    return join(this.location, name);
  }

  /** The folder that the object is in, checked. */
  #folderOf(name: string, create: boolean): Promise<string> {
    const slash = name.indexOf('/');
    return slash === -1 ? Promise.resolve(this.location) : this.#subfolder(name.slice(0, slash), create);
  }

  async #subfolder(kind: string, create: boolean): Promise<string> {
    const path = join(this.location, kind);
    if (this.#checked.has(kind)) return path;
    if (create) await this.#makeFolder(path);
    try {
      await this.#checkFolder(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw this.#failed('there is no', kind, error);
      throw error;
    }
    this.#checked.add(kind);
    return path;
  }

  async #makeFolder(path: string): Promise<void> {
    try {
      await this.#fs.mkdir(path, FOLDER_MODE);
      await this.#syncFolder(join(path, '..'));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw this.#failed('could not make the folder', path, error);
    }
  }

  async #checkFolder(path: string): Promise<void> {
    const { kind, uid, mode } = await this.#fs.lstat(path).catch((error: unknown) => {
      throw this.#failed('could not open the folder', path, error);
    });
    if (kind !== 'folder')
      throw new CkptError('EINVAL', `${path} is not a folder but a ${kind}: this is no store`, { path });
    const self = process.geteuid?.();
    if (self !== undefined && uid !== self && uid !== 0)
      throw new CkptError(
        'EPERM',
        `${path} belongs to user ${uid}, who could change what is stored; chown it`,
        { path },
      );
    if ((mode & WRITABLE_BY_OTHERS) !== 0)
      throw new CkptError('EPERM', `anybody may write to ${path}; take that right away (chmod o-w)`, {
        path,
      });
  }

  async #syncFolder(path: string): Promise<void> {
    const folder = await this.#fs.open(path, O_RDONLY | O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #failed(what: string, name: string, error: unknown): CkptError {
    const { code, message } = asCkptError(error);
    // The kernel's answer to O_NOFOLLOW.
    if (codeOf(error) === 'ELOOP')
      return new CkptError(
        'EINVAL',
        `${what} ${name} in ${this.location}: it is a link; remove it`,
        { path: name },
        error,
      );
    const advice = code === 'ENOSPC' ? '; make room there and try again' : '';
    return new CkptError(
      code,
      `${what} ${name} in ${this.location}: ${message}${advice}`,
      { path: name },
      error,
    );
  }
}

/** By what it has, not by its class: errors of the file system may come from another realm. */
const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** Gone already, or we may only read here: somebody else will clean up. */
const HARMLESS: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM', 'EROFS'];

function ignoreHarmless(error: unknown): void {
  if (!HARMLESS.includes(codeOf(error))) throw error;
}
