import { constants } from 'node:fs';
import { join } from 'node:path';
import { CkptError } from '@ckptree/errors';
import { KIND } from '../layout.js';
import { hostOwners, type Owners } from '../owner.js';
import { type FileSystem, type OpenedFile, realFileSystem } from './file-system.js';
import {
  checkObjectName,
  isObjectName,
  type ObjectBackend,
  type ObjectInfo,
  type OpenObject,
} from './object-backend.js';
import { INCOMING, ObjectDraft, TEMPORARY } from './object-draft.js';
import { codeOf, StoreFolder } from './store-folder.js';
import { TemporaryFile } from './temporary-file.js';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A temporary file of another host is given up after so long without a write. */
const FOREIGN_TEMPORARY_MS = 24 * 3600 * 1000;

/**
 * What was deleted of these must not be back after a crash: a checkpoint that was forgotten would miss its chunks, and a key
 * that was taken away would open the store.
 */
const GONE_FOR_GOOD = [KIND.manifests, KIND.keys];

/** One level, and nothing that a shell or a person would stumble over. */
const INCOMING_NAME = /^[a-z0-9][a-z0-9._-]{0,199}$/;

/** Files that are looked at together while a kind is listed. */
const LOOKS_AT_ONCE = 64;

export interface FolderOptions {
  readonly fileSystem?: FileSystem;
  readonly owners?: Owners;
  /** Make the folder when it is not there. */
  readonly create?: boolean;
}

/** Some of the objects of a kind. */
export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  /** There are others behind the last of these. */
  readonly more: boolean;
}

/**
 * Objects as files of one folder, a subfolder for each kind. An object is written under a temporary name, synced,
 * linked to its own name (which fails when that is taken), and the subfolder is synced: so a name that is seen is a
 * whole file, and what put() has returned survives a crash.
 */
export class FolderBackend implements ObjectBackend {
  readonly location: string;
  readonly #folder: StoreFolder;
  /** Objects that were listed last, by kind. */
  readonly #met = new Map<string, ReadonlyMap<string, ObjectInfo>>();

  private constructor(folder: StoreFolder) {
    this.location = folder.path;
    this.#folder = folder;
  }

  /**
   * @throws ENOENT no such folder; EPERM it belongs to somebody else, or anybody may write to it; EINVAL it is no
   *         folder, or a link stands where a folder should
   */
  static async open(path: string, options: FolderOptions = {}): Promise<FolderBackend> {
    const { fileSystem = realFileSystem, owners = hostOwners(), create = false } = options;
    const folder = new StoreFolder(path, fileSystem, owners);
    await folder.open(create);
    return new FolderBackend(folder);
  }

  async put(name: string, content: readonly Uint8Array[]): Promise<boolean> {
    const draft = await this.draft(name);
    try {
      for (const part of content) await draft.write(part);
      return await draft.commit();
    } finally {
      await draft.close();
    }
  }

  async draft(name: string): Promise<ObjectDraft> {
    checkObjectName(name);
    return ObjectDraft.create(this.#folder, name);
  }

  /**
   * A file that was deposited here, as a draft of an object. It may be anybody's: whoever commits it has checked it.
   * @param incoming name of what deposit() gave
   * @throws ENOENT there is none; EINVAL it is no plain file; EPERM somebody else could change it
   */
  async adopt(name: string, incoming: string): Promise<ObjectDraft> {
    checkObjectName(name);
    if (!INCOMING_NAME.test(incoming))
      throw new CkptError('EINVAL', `${JSON.stringify(incoming)} is not the name of a file in ${INCOMING}/`);
    return ObjectDraft.adopt(this.#folder, name, incoming);
  }

  /** A file that somebody else with this folder may adopt(), by its name, once it is synced. */
  deposit(): Promise<TemporaryFile> {
    return TemporaryFile.create(this.#folder, INCOMING);
  }

  async read(name: string, position: number, length: number): Promise<Uint8Array> {
    const { file, size } = await this.#openObject(name);
    try {
      const target = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, size - position)));
      const done = await file.read(target, position);
      return target.subarray(0, done);
    } catch (error) {
      throw this.#folder.failed('could not read', name, error);
    } finally {
      await file.close();
    }
  }

  async open(name: string): Promise<OpenObject> {
    return (await this.#openObject(name)).file;
  }

  async list(kind: string, remembers = false): Promise<ObjectInfo[]> {
    const met = remembers ? this.#met.get(kind) : undefined;
    const { objects } = await this.#page(kind, '', Number.POSITIVE_INFINITY, met);
    this.#met.set(kind, new Map(objects.map((object) => [object.name, object])));
    return [...objects];
  }

  /** @param after a name: those behind it. @param limit objects, at most */
  listPage(kind: string, after: string, limit: number): Promise<ObjectPage> {
    return this.#page(kind, after, limit);
  }

  async #page(
    kind: string,
    after: string,
    limit: number,
    met?: ReadonlyMap<string, ObjectInfo>,
  ): Promise<ObjectPage> {
    const entries = await this.#folder.entries(kind);
    const names = entries
      .map((entry) => `${kind}/${entry}`)
      .filter((name) => name > after && isObjectName(name)); // others: strays()
    const objects: ObjectInfo[] = [];
    for (let at = 0; at < names.length; at += LOOKS_AT_ONCE) {
      const group = names.slice(at, at + LOOKS_AT_ONCE);
      const found = await Promise.all(group.map((name) => met?.get(name) ?? this.#lookAt(name)));
      for (const object of found) {
        if (object === undefined) continue;
        if (objects.length === limit) return { objects, more: true };
        objects.push(object);
      }
    }
    return { objects, more: false };
  }

  /** undefined when it is no file, or was just deleted. */
  async #lookAt(name: string): Promise<ObjectInfo | undefined> {
    const status = await this.#folder.statusOrNone(this.#folder.pathOf(name));
    return status?.kind === 'file' ? { name, size: status.size } : undefined;
  }

  async delete(name: string): Promise<void> {
    checkObjectName(name);
    const folder = await this.#folderOrNone(name);
    if (folder === undefined) return;
    try {
      await this.#unlinkIfThere(name);
      // Also when it was gone: whoever deleted it may not have come to this.
      if (GONE_FOR_GOOD.some((kind) => name.startsWith(`${kind}/`))) await this.#folder.sync(folder);
    } catch (error) {
      throw this.#folder.failed('could not delete', name, error);
    }
  }

  /** Whatever lies in a subfolder and is no object: links, odd names, folders. As paths below the store. */
  async strays(kind: string): Promise<string[]> {
    const found: string[] = [];
    for (const entry of await this.#folder.entries(kind)) {
      const name = `${kind}/${entry}`;
      const status = await this.#folder.statusOrNone(join(this.location, name));
      if (status !== undefined && (status.kind !== 'file' || !isObjectName(name))) found.push(name);
    }
    return found;
  }

  /** Removes the temporary files of writers that died, and what they deposited. */
  async cleanUp(): Promise<void> {
    for (const subfolder of [TEMPORARY, INCOMING])
      for (const entry of await this.#folder.entries(subfolder)) {
        const path = join(this.location, subfolder, entry);
        const state = this.#folder.owners.state(entry.slice(0, entry.lastIndexOf('.')));
        const age = Date.now() - ((await this.#folder.statusOrNone(path))?.mtimeMs ?? 0);
        if (state === 'dead' || (state === 'foreign' && age > FOREIGN_TEMPORARY_MS))
          await this.#folder.fs.unlink(path).catch(ignoreHarmless);
      }
  }

  /** The folder that an object is in, unless there has never been an object of this kind. */
  async #folderOrNone(name: string): Promise<string | undefined> {
    try {
      return await this.#folder.folderOf(name, false);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #unlinkIfThere(name: string): Promise<void> {
    try {
      await this.#folder.fs.unlink(this.#folder.pathOf(name));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  /** @throws ENOENT; EINVAL it is no plain file */
  async #openObject(name: string): Promise<{ readonly file: OpenedFile; readonly size: number }> {
    checkObjectName(name);
    await this.#folder.folderOf(name, false);
    let file: OpenedFile | undefined;
    try {
      // NONBLOCK: a pipe that somebody put there must not hang us.
      file = await this.#folder.fs.open(this.#folder.pathOf(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const { kind, size } = await file.stat();
      if (kind !== 'file') throw new CkptError('EINVAL', 'it is not a plain file; remove it', { path: name });
      return { file, size };
    } catch (error) {
      await file?.close();
      throw this.#folder.failed('could not read', name, error);
    }
  }
}

/** Gone already, we may only read here, or it is no file: somebody else will clean up. */
const HARMLESS: readonly unknown[] = ['ENOENT', 'EACCES', 'EPERM', 'EROFS', 'EISDIR'];

function ignoreHarmless(error: unknown): void {
  if (!HARMLESS.includes(codeOf(error))) throw error;
}
