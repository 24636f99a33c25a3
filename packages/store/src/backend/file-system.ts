import { link, lstat, mkdir, open, readdir, unlink } from 'node:fs/promises';

/**
 * Every call that a store makes to the file system, one method each. A test puts its own behind a store to count the
 * calls, or to die at one of them.
 */
export interface FileSystem {
  open(path: string, flags: number, mode?: number): Promise<OpenedFile>;
  /** Gives a file a second name. Unlike rename it fails when the name is taken. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  readdir(path: string): Promise<string[]>;
  lstat(path: string): Promise<FileStatus>;
}

export interface OpenedFile {
  /** Host descriptor. */
  readonly fd: number;
  /** @returns bytes read; fewer than asked for only at the end */
  read(target: Uint8Array, position: number): Promise<number>;
  /** All of the bytes, at the current end. */
  write(bytes: Uint8Array): Promise<void>;
  /** @param dataOnly the bytes and where they are, not when they were written or what names they have */
  sync(dataOnly?: boolean): Promise<void>;
  stat(): Promise<FileStatus>;
  close(): Promise<void>;
}

export interface FileStatus {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly mtimeMs: number;
}

export const realFileSystem: FileSystem = {
  open: async (path, flags, mode) => new RealFile(await open(path, flags, mode)),
  link,
  unlink,
  mkdir: async (path, mode) => {
    await mkdir(path, { mode });
  },
  readdir: (path) => readdir(path),
  lstat: async (path) => status(await lstat(path)),
};

/** Bytes written at once. With more of them, the system makes room in its cache in large blocks, which may take many times as long. */
const WRITE_SIZE = 1024 * 1024;

class RealFile implements OpenedFile {
  readonly #handle: Awaited<ReturnType<typeof open>>;

  constructor(handle: Awaited<ReturnType<typeof open>>) {
    this.#handle = handle;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await this.#handle.read(target, done, target.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        Math.min(bytes.length - done, WRITE_SIZE),
      );
      done += bytesWritten;
    }
  }

  sync(dataOnly = false): Promise<void> {
    return dataOnly ? this.#handle.datasync() : this.#handle.sync();
  }

  async stat(): Promise<FileStatus> {
    return status(await this.#handle.stat());
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

type Stats = Awaited<ReturnType<typeof lstat>>;

function status(stats: Stats): FileStatus {
  const kind = stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'folder'
      : stats.isSymbolicLink()
        ? 'link'
        : 'other';
  return {
    kind,
    size: Number(stats.size),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    mtimeMs: Number(stats.mtimeMs),
  };
}
