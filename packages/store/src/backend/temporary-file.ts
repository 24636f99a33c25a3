import { constants } from 'node:fs';
import { basename } from 'node:path';
import type { OpenedFile } from './file-system.js';
import type { StoreFolder } from './store-folder.js';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;

const FILE_MODE = 0o600;

/** Bytes: the disk begins with so many while more are on their way, so that less is left to wait for at the end. */
const WRITEBACK_SIZE = 8 * 1024 * 1024;

/** Bytes that are to become an object. */
export interface DraftContent {
  /** Bytes so far. */
  readonly size: number;
  /** Up to `length` bytes at `position`; fewer only at the end. @param target where they may be put */
  read(position: number, length: number, target?: Uint8Array): Promise<Uint8Array>;
}

/** A file that is filled piece by piece, and goes when it is closed. That of a writer who died goes with cleanUp(). */
export class TemporaryFile implements DraftContent {
  readonly path: string;
  readonly #folder: StoreFolder;
  /** What it is for, in messages. */
  readonly #purpose: string;
  readonly #file: OpenedFile;
  #size: number;
  #open = true;
  /** Bytes that were there when the last write-back began. */
  #writtenBack = 0;
  #writeback: Promise<void> | undefined;
  #writebackFailure: unknown;

  /** @param file open at this path, `size` bytes long */
  constructor(folder: StoreFolder, path: string, purpose: string, file: OpenedFile, size: number) {
    this.path = path;
    this.#folder = folder;
    this.#purpose = purpose;
    this.#file = file;
    this.#size = size;
  }

  /** An empty one. @param subfolder of the store. @param purpose for messages: what it is to become */
  static async create(
    folder: StoreFolder,
    subfolder: string,
    purpose = `a file in ${subfolder}/`,
  ): Promise<TemporaryFile> {
    const path = await folder.temporaryPath(subfolder);
    try {
      const file = await folder.fs.open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
      return new TemporaryFile(folder, path, purpose, file, 0);
    } catch (error) {
      throw folder.failed('could not store', purpose, error);
    }
  }

  /** In its subfolder. */
  get name(): string {
    return basename(this.path);
  }

  get size(): number {
    return this.#size;
  }

  /** Appends. One call at a time. @throws ENOSPC, EIO */
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    try {
      await this.#file.write(...parts);
      for (const { length } of parts) this.#size += length;
      this.#beginWriteback();
    } catch (error) {
      throw this.#folder.failed('could not store', this.#purpose, error);
    }
  }

  async read(position: number, length: number, target?: Uint8Array): Promise<Uint8Array> {
    try {
      const size = Math.max(0, Math.min(length, this.#size - position));
      const buffer = target?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size);
      return buffer.subarray(0, await this.#file.read(buffer, position));
    } catch (error) {
      throw this.#folder.failed('could not read', this.#purpose, error);
    }
  }

  /** Makes its bytes durable; its name is not. @throws ENOSPC, EIO */
  async sync(): Promise<void> {
    try {
      await this.#writeback;
      // The system reports a lost write once, to whoever syncs next: a sync after that says nothing of it.
      if (this.#writebackFailure !== undefined) throw this.#writebackFailure;
      await this.#file.sync(true);
    } catch (error) {
      throw this.#folder.failed('could not store', this.#purpose, error);
    }
  }

  /** Takes its name away, and gives back what it holds. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#writeback;
    await this.#folder.fs.unlink(this.path).catch(() => undefined); // cleanUp() gets it later
    await this.#file.close();
  }

  #beginWriteback(): void {
    if (this.#writeback !== undefined || this.#size - this.#writtenBack < WRITEBACK_SIZE) return;
    this.#writtenBack = this.#size;
    this.#writeback = this.#file
      .sync(true)
      .catch((error: unknown) => {
        this.#writebackFailure ??= error; // thrown by sync()
      })
      .finally(() => {
        this.#writeback = undefined;
      });
  }
}
