import { randomBytes } from 'node:crypto';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asCkptError, CkptError, cannot } from '@ckptree/errors';

/** Readable and writable by its owner alone: an image holds whatever the tasks had in memory. */
const PRIVATE_MODE = 0o600;

/** Less than this is not worth a flush of the disk. */
const WRITEBACK_SIZE = 64 * 1024 * 1024;

/**
 * A file that appears whole or not at all. It is written under a temporary name in the same folder; `commit` makes it
 * durable and gives it its name, in place of a file that had it before.
 */
export class OutputFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #kind: string;
  #renamed = false;
  #writeback: Promise<void> | undefined;
  #writebackFailure: unknown;
  /** Bytes that were written when the last write-back began. */
  #writtenBack = 0;

  private constructor(path: string, kind: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#kind = kind;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /**
   * @param kind what it is, as error messages call it
   * @throws EINVAL something else than a file has this name; ENOENT, EPERM, ... it cannot be created
   */
  static async create(path: string, kind = 'image'): Promise<OutputFile> {
    try {
      const target = await resolveTarget(path);
      const temporary = join(dirname(target), `.ckptree-${randomBytes(8).toString('hex')}.tmp`);
      return new OutputFile(target, kind, temporary, await open(temporary, 'wx', PRIVATE_MODE));
    } catch (error) {
      throw cannot(`create the ${kind}`, path, error);
    }
  }

  get fd(): number {
    return this.#handle.fd;
  }

  /**
   * Lets the disk begin with what is written so far while more is on its way: `commit` then has less to wait for.
   * (Measured: 1 GiB is durable in 0.7 s instead of 1.0.)
   * @param written bytes of the file so far
   */
  beginWriteback(written: number): void {
    if (this.#writeback !== undefined || written - this.#writtenBack < WRITEBACK_SIZE) return;
    this.#writtenBack = written;
    this.#writeback = this.#handle
      .datasync()
      // The system reports a lost write once, to whoever syncs next; `commit` would never hear of it.
      .catch((error: unknown) => {
        this.#writebackFailure ??= error;
      })
      .finally(() => {
        this.#writeback = undefined;
      });
  }

  /** When it returns, the file has its name and survives a power failure. The handle is closed. */
  async commit(): Promise<void> {
    try {
      await this.#writeback;
      if (this.#writebackFailure !== undefined) throw this.#writebackFailure;
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#temporary, this.path);
      this.#renamed = true;
      await syncFolder(dirname(this.path));
    } catch (error) {
      throw cannot(`save the ${this.#kind}`, this.path, error);
    }
  }

  /** Removes it, also when `commit` failed half-way. */
  async discard(): Promise<void> {
    await this.#writeback;
    await this.#handle.close();
    await rm(this.#renamed ? this.path : this.#temporary, { force: true });
  }
}

/** Where the file will be: behind a symbolic link, where it points. */
async function resolveTarget(path: string): Promise<string> {
  const existing = await stat(path).catch((error: unknown) => {
    if (asCkptError(error).code === 'ENOENT') return undefined;
    throw error;
  });
  if (existing === undefined) return join(await folderOf(path), basename(path));
  // A rename would put a file in place of a device or pipe.
  if (!existing.isFile()) throw new CkptError('EINVAL', 'there is something of this name that is not a file');
  return realpath(path);
}

async function folderOf(path: string): Promise<string> {
  const folder = dirname(path);
  return realpath(folder).catch((error: unknown) => {
    if (asCkptError(error).code !== 'ENOENT') throw error;
    throw new CkptError('ENOENT', `there is no folder ${folder}; make it first`, { path: folder }, error);
  });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
