import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { asCkptError, CkptError, reasonOf } from '@ckptree/errors';
import type { Owners } from '../owner.js';
import type { FileStatus, FileSystem } from './file-system.js';

const { O_DIRECTORY, O_RDONLY } = constants;

const FOLDER_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o002;

/** The folder of a store and its subfolders: made, checked, listed, synced. Nothing outside of it is ever named. */
export class StoreFolder {
  readonly path: string;
  readonly fs: FileSystem;
  readonly owners: Owners;
  /** Subfolders that were found to be in order. */
  readonly #checked = new Set<string>();
  /** Subfolders whose names are durable. */
  readonly #durable = new Set<string>();

  constructor(path: string, fs: FileSystem, owners: Owners) {
    this.path = path;
    this.fs = fs;
    this.owners = owners;
  }

  /** @throws ENOENT no such folder; EPERM it belongs to somebody else, or anybody may write to it; EINVAL no folder */
  async open(create: boolean): Promise<void> {
    if (create && (await this.#makeFolder(this.path))) await this.#keepName(this.path);
    // The last step of the path to the store may be a link: it is the user's word, not the store's content.
    await this.#checkFolder(this.path, `${this.path}/.`);
  }

  /** @param name of an object, checked, or of a subfolder and a file in it */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** The folder that an object is in, checked. */
  folderOf(name: string, create: boolean): Promise<string> {
    const slash = name.indexOf('/');
    return slash === -1 ? Promise.resolve(this.path) : this.subfolder(name.slice(0, slash), create);
  }

  async subfolder(kind: string, create: boolean): Promise<string> {
    const path = join(this.path, kind);
    if (create && !this.#durable.has(kind)) await this.#makeSubfolder(kind, path);
    if (this.#checked.has(kind)) return path;
    await this.#checkFolder(path);
    this.#checked.add(kind);
    return path;
  }

  /** Names in a subfolder, in order; none when it was never there. @throws ENOENT it has gone: what it held must not count as deleted */
  async entries(kind: string): Promise<string[]> {
    const wasThere = this.#checked.has(kind);
    try {
      await this.subfolder(kind, false);
      return (await this.fs.readdir(join(this.path, kind))).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && !wasThere) return [];
      throw this.failed('could not list', kind, error);
    }
  }

  async statusOrNone(path: string): Promise<FileStatus | undefined> {
    try {
      return await this.fs.lstat(path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined; // deleted meanwhile
      throw this.failed('could not look at', path, error);
    }
  }

  /** A new path in a subfolder, from whose name everybody can tell whether its owner still lives. */
  async temporaryPath(subfolder: string): Promise<string> {
    const folder = await this.subfolder(subfolder, true);
    return join(folder, `${this.owners.self}.${randomBytes(8).toString('hex')}`);
  }

  async sync(path: string): Promise<void> {
    const folder = await this.fs.open(path, O_RDONLY | O_DIRECTORY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  failed(what: string, name: string, error: unknown): CkptError {
    const { code } = asCkptError(error);
    // The kernel's answer to O_NOFOLLOW.
    if (codeOf(error) === 'ELOOP')
      return new CkptError(
        'EINVAL',
        `${what} ${name} in ${this.path}: it is a link; remove it`,
        { path: name },
        error,
      );
    return new CkptError(code, `${what} ${name} in ${this.path}: ${reasonOf(error)}`, { path: name }, error);
  }

  /** @param entry what is looked at, when it is not the path itself @throws as open() */
  async #checkFolder(path: string, entry = path): Promise<void> {
    const status = await this.fs.lstat(entry).catch((error: unknown) => {
      const { code } = asCkptError(error);
      throw new CkptError(code, `could not open the folder ${path}: ${reasonOf(error)}`, { path }, error);
    });
    if (status.kind !== 'folder')
      throw new CkptError('EINVAL', `${path} is not a folder but a ${status.kind}: this is no store`, {
        path,
      });
    checkOwner(path, 'who could change what is stored; chown it', status);
  }

  async #makeSubfolder(kind: string, path: string): Promise<void> {
    // One that was there and has gone is not made anew: what it held must not count as deleted.
    if (!this.#checked.has(kind)) await this.#makeFolder(path);
    // Also when it is there: whoever made it just now may not have come to this yet.
    await this.#keepName(path);
    this.#durable.add(kind);
  }

  /** @returns false when it is there already */
  async #makeFolder(path: string): Promise<boolean> {
    try {
      await this.fs.mkdir(path, FOLDER_MODE);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw this.failed('could not make the folder', path, error);
    }
  }

  /** Makes the name of a folder durable. */
  async #keepName(path: string): Promise<void> {
    try {
      await this.sync(join(path, '..'));
    } catch (error) {
      throw this.failed('could not make the folder', path, error);
    }
  }
}

/** @throws EPERM it belongs to somebody else, or anybody may write to it */
export function checkOwner(
  path: string,
  danger: string,
  { uid, mode }: Pick<FileStatus, 'uid' | 'mode'>,
): void {
  const self = process.geteuid?.();
  if (self !== undefined && uid !== self && uid !== 0)
    throw new CkptError('EPERM', `${path} belongs to user ${uid}, ${danger}`, { path });
  if ((mode & WRITABLE_BY_OTHERS) !== 0)
    throw new CkptError('EPERM', `anybody may write to ${path}; take that right away (chmod o-w)`, { path });
}

/** By what it has, not by its class: errors of the file system may come from another realm. */
export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
