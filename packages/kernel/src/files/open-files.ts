import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { FMODE, PAGE_SIZE } from '@ckptree/model';
import { Lock } from '../lock.js';
import type { FileObject, FilePages } from '../memory/file-object.js';

/** The pseudo files that stand for programs, as /proc stands for tasks. */
export const PROGRAM_FOLDER = '/ckptree/bin/';

/** `O_` flags, Linux x86-64. */
export const O = { RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, TRUNC: 0o1000, APPEND: 0o2000 } as const;

/** The ways in which a program opens a file, as `O` bits. */
export const OPEN_FLAGS = {
  r: O.RDONLY,
  'r+': O.RDWR,
  'w+': O.RDWR | O.CREAT | O.TRUNC,
  a: O.WRONLY | O.CREAT | O.APPEND,
} as const;

/** Words of an open file. */
const FILE = { REFS: 0, HOST_FD: 1, POS_LOCK: 2, POS: 4 } as const;
const FILE_WORDS = 6;
const HEAD = { LOCK: 0, USED: 1, FREE_LIST: 2 } as const;
const HEAD_WORDS = 4;

/** Instead of a host descriptor: a pseudo file of the kernel, and a file that is known by name only. */
const PSEUDO = -1;
const ABSENT = -2;

/** The state of an open file at one instant. */
export interface FileState {
  readonly refs: number;
  readonly pos: number;
  /** Known by name only. */
  readonly absent: boolean;
}

/**
 * The open files of all tasks, in memory that all threads share: reference counts and positions. Every descriptor,
 * file mapping and executable holds one reference; the last one closes the file. The host's descriptors belong to the
 * whole process, so any thread may use and close them.
 */
export class OpenFiles implements FilePages {
  /** Shared by all threads; of a copy, for whoever has it alone. */
  readonly handle: ArrayBufferLike;
  readonly #head: Int32Array;
  readonly #files: Int32Array;
  readonly #positions: BigInt64Array;
  readonly #lock: Lock;

  constructor(handle: ArrayBufferLike) {
    this.handle = handle;
    this.#head = new Int32Array(handle, 0, HEAD_WORDS);
    this.#files = new Int32Array(handle, HEAD_WORDS * 4);
    this.#positions = new BigInt64Array(handle, HEAD_WORDS * 4);
    this.#lock = new Lock(this.#head, HEAD.LOCK);
  }

  static create(capacity: number): OpenFiles {
    const files = new OpenFiles(new SharedArrayBuffer((HEAD_WORDS + (capacity + 1) * FILE_WORDS) * 4));
    files.#head[HEAD.USED] = 1; // so that no file has id 0
    return files;
  }

  /**
   * Opens a file; the caller holds the one reference.
   * @param flags `O` bits; `pos` bytes; `key` see FileObject
   * @throws what the host says (ENOENT, EPERM, ...); EMFILE the table is full
   */
  open(path: string, flags: number, pos = 0, key?: string): FileObject {
    const hostFd = path.startsWith(PROGRAM_FOLDER) ? PSEUDO : openRegular(path, flags);
    return this.#open(path, flags, pos, hostFd, key);
  }

  /** A file that need not exist here: every read of it fails with EFAULT, as of a page behind the end. */
  openAbsent(path: string, flags: number, key?: string): FileObject {
    return this.#open(path, flags, 0, ABSENT, key);
  }

  #open(path: string, flags: number, pos: number, hostFd: number, key?: string): FileObject {
    try {
      const id = this.#claim();
      const access = flags & 3;
      const mode =
        (access === O.WRONLY ? 0 : FMODE.READ | FMODE.PREAD) |
        (access === O.RDONLY ? 0 : FMODE.WRITE | FMODE.PWRITE) |
        FMODE.LSEEK;
      this.#files[id * FILE_WORDS + FILE.HOST_FD] = hostFd;
      this.#setPosition(id, pos);
      const kept = (flags & ~(O.CREAT | O.TRUNC)) >>> 0;
      return { id, path, mode, flags: kept, ...(key !== undefined && { key }) };
    } catch (error) {
      if (hostFd >= 0) closeSync(hostFd);
      throw error;
    }
  }

  grab(file: FileObject): void {
    // Whoever grabs holds a reference already or was handed one, so the count cannot reach 0 meanwhile.
    Atomics.add(this.#files, file.id * FILE_WORDS + FILE.REFS, 1);
  }

  drop(file: FileObject): void {
    // The one thread that takes the count to 0 closes; the atomic decides which.
    if (Atomics.sub(this.#files, file.id * FILE_WORDS + FILE.REFS, 1) !== 1) return;
    const hostFd = this.#files[file.id * FILE_WORDS + FILE.HOST_FD]!;
    if (hostFd >= 0) closeSync(hostFd);
    this.#lock.hold(() => {
      this.#files[file.id * FILE_WORDS + FILE.HOST_FD] = this.#head[HEAD.FREE_LIST]!;
      this.#head[HEAD.FREE_LIST] = file.id;
    });
  }

  /** References and position now. A cut asks while no task of its tree runs. */
  state(id: number): FileState {
    const refs = Atomics.load(this.#files, id * FILE_WORDS + FILE.REFS);
    const absent = this.#files[id * FILE_WORDS + FILE.HOST_FD] === ABSENT;
    return { refs, pos: Number(this.#positions[(id * FILE_WORDS + FILE.POS) / 2]!), absent };
  }

  /** A copy of the whole table, to ask later about this instant. */
  copy(): ArrayBufferLike {
    const bytes = (HEAD_WORDS + this.#head[HEAD.USED]! * FILE_WORDS) * 4;
    return new Uint8Array(this.handle, 0, bytes).slice().buffer;
  }

  read(file: FileObject, into: Uint8Array): number {
    this.#demand(file, FMODE.READ, 'reading');
    return this.#moving(file, (hostFd, pos) => readSync(hostFd, into, 0, into.length, pos));
  }

  write(file: FileObject, bytes: Uint8Array): number {
    this.#demand(file, FMODE.WRITE, 'writing');
    const appends = (file.flags & O.APPEND) !== 0;
    // The host finds the end and writes there in one step: others may append to it by an open file of their own.
    return this.#moving(
      file,
      (hostFd, pos) => writeSync(hostFd, bytes, 0, bytes.length, appends ? null : pos),
      appends,
    );
  }

  seek(file: FileObject, pos: number): number {
    if (!Number.isSafeInteger(pos) || pos < 0)
      throw new CkptError('EINVAL', `position ${pos} of ${file.path} is no byte position`, {
        path: file.path,
      });
    this.#moving(file, (_hostFd, now) => pos - now);
    return pos;
  }

  /** Reads at a position without moving the file's own. */
  readAt(file: FileObject, into: Uint8Array, position: number): number {
    this.#demand(file, FMODE.READ, 'reading');
    const hostFd = this.#hostFd(file);
    if (hostFd === ABSENT)
      throw new CkptError('EFAULT', `${file.path} is known by its name only, its contents are not here`, {
        path: file.path,
      });
    return hostFd === PSEUDO
      ? pseudoRead(file.path, into, position)
      : readSync(hostFd, into, 0, into.length, position);
  }

  readPage(file: FileObject, pgoff: number, into: Uint8Array): void {
    let filled = 0;
    while (filled < PAGE_SIZE) {
      const count = this.readAt(file, into.subarray(filled), pgoff * PAGE_SIZE + filled);
      if (count === 0) break;
      filled += count;
    }
    if (filled === 0 && pgoff > 0)
      throw new CkptError('EFAULT', `page ${pgoff} of ${file.path} lies behind its end`, { path: file.path });
    into.fill(0, filled);
  }

  /**
   * Runs `transfer` at the file's position and moves it by what it returns; others that share the file wait.
   * @param atEnd the position is that of the file's end
   */
  #moving(file: FileObject, transfer: (hostFd: number, pos: number) => number, atEnd = false): number {
    const base = file.id * FILE_WORDS;
    const hostFd = this.#hostFd(file);
    if (hostFd < 0)
      throw new CkptError('EINVAL', `${file.path} is a pseudo file: it has no position`, { path: file.path });
    return new Lock(this.#files, base + FILE.POS_LOCK).hold(() => {
      const pos = atEnd ? fstatSync(hostFd).size : Number(this.#positions[(base + FILE.POS) / 2]!);
      const moved = transfer(hostFd, pos);
      this.#setPosition(file.id, pos + moved);
      return moved;
    });
  }

  #setPosition(id: number, pos: number): void {
    this.#positions[(id * FILE_WORDS + FILE.POS) / 2] = BigInt(pos);
  }

  #hostFd(file: FileObject): number {
    return this.#files[file.id * FILE_WORDS + FILE.HOST_FD]!;
  }

  #demand(file: FileObject, mode: number, doing: string): void {
    if ((file.mode & mode) === 0)
      throw new CkptError('EBADF', `${file.path} is not open for ${doing}`, { path: file.path });
  }

  #claim(): number {
    return this.#lock.hold(() => {
      const reused = this.#head[HEAD.FREE_LIST]!;
      const id = reused === 0 ? this.#head[HEAD.USED]! : reused;
      if (reused !== 0) this.#head[HEAD.FREE_LIST] = this.#files[reused * FILE_WORDS + FILE.HOST_FD]!;
      else if ((id + 1) * FILE_WORDS > this.#files.length)
        throw new CkptError('EMFILE', 'too many open files');
      else this.#head[HEAD.USED] = id + 1;
      this.#files[id * FILE_WORDS + FILE.REFS] = 1;
      return id;
    });
  }
}

/** What the host is asked for: of other flags that an image has (O_DIRECT, O_DIRECTORY, ...) it might read nothing, or not open. */
const HOST_FLAGS = O.WRONLY | O.RDWR | O.CREAT | O.APPEND;

function openRegular(path: string, flags: number): number {
  // Not blocking: opening a pipe that nobody writes to would wait for ever.
  const hostFd = openSync(path, (flags & HOST_FLAGS) | constants.O_NONBLOCK, 0o644);
  try {
    // A device or a pipe has a state that no checkpoint of ours can save, and may block for ever.
    if (!fstatSync(hostFd).isFile()) throw new CkptError('ENOSYS', `${path} is not a regular file`, { path });
    if ((flags & O.TRUNC) !== 0) ftruncateSync(hostFd, 0);
    return hostFd;
  } catch (error) {
    closeSync(hostFd);
    throw error;
  }
}

/** What a program's pseudo file reads as. */
function pseudoRead(path: string, into: Uint8Array, position: number): number {
  const text = Buffer.from(`#!ckptree ${path.slice(PROGRAM_FOLDER.length)}\n`);
  const part = text.subarray(position, position + into.length);
  into.set(part);
  return part.length;
}
