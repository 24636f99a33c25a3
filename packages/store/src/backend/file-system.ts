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
  /** All of the bytes, one part behind the other, at the current end. */
  write(...parts: readonly Uint8Array[]): Promise<void>;
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

  async write(...parts: readonly Uint8Array[]): Promise<void> {
    const rest = [...parts];
    while (rest.length > 0) {
      const { bytesWritten } = await this.#handle.writev(firstBytes(rest, WRITE_SIZE));
      dropBytes(rest, bytesWritten);
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

function firstBytes(parts: readonly Uint8Array[], size: number): Uint8Array[] {
  const first: Uint8Array[] = [];
  for (let [index, left] = [0, size]; index < parts.length && left > 0; index++) {
    const part = parts[index]!.subarray(0, left);
    first.push(part);
    left -= part.length;
  }
  return first;
}

/** Takes so many bytes away from the front, and empty parts behind them. */
function dropBytes(parts: Uint8Array[], size: number): void {
  let [whole, left] = [0, size];
  while (whole < parts.length && parts[whole]!.length <= left) left -= parts[whole++]!.length;
  parts.splice(0, whole);
  if (left > 0) parts[0] = parts[0]!.subarray(left);
}
