import { CkptError } from '@ckptree/errors';
import type { FileObject } from '../memory/file-object.js';
import type { OpenFiles } from './open-files.js';

export interface Descriptor {
  readonly fd: number;
  readonly closeOnExec: boolean;
  readonly file: FileObject;
}

const MAX_DESCRIPTORS = 65_536;

/**
 * A descriptor table, owned by the cpu of the tasks that share it. The list is replaced on every change and never
 * changed itself, so a cut keeps the one that it saw.
 */
export class Descriptors {
  readonly id: number;
  /** What it is called wherever parts of its tree are, when it is in several kernels. */
  readonly key: string | undefined;
  /** How many tasks use it. */
  users = 1;
  readonly #files: OpenFiles;
  #list: readonly Descriptor[];

  /** @param list ascending by fd; the table takes over one reference to each file */
  constructor(id: number, files: OpenFiles, list: readonly Descriptor[] = [], key?: string) {
    this.id = id;
    this.key = key;
    this.#files = files;
    this.#list = list;
  }

  get list(): readonly Descriptor[] {
    return this.#list;
  }

  file(fd: number): FileObject {
    const found = this.#list.find((entry) => entry.fd === fd);
    if (found === undefined) throw new CkptError('EBADF', `no open file has descriptor ${fd}`);
    return found.file;
  }

  /** Takes over one reference to the file. @returns the lowest descriptor that is free */
  install(file: FileObject): number {
    let fd = 0;
    while (fd < this.#list.length && this.#list[fd]!.fd === fd) fd++;
    if (fd >= MAX_DESCRIPTORS)
      throw new CkptError('EMFILE', `the descriptor table is full: ${MAX_DESCRIPTORS}`);
    this.#list = this.#list.toSpliced(fd, 0, { fd, closeOnExec: false, file });
    return fd;
  }

  close(fd: number): void {
    const file = this.file(fd);
    this.#list = this.#list.filter((entry) => entry.fd !== fd);
    this.#files.drop(file);
  }

  setCloseOnExec(fd: number, closes: boolean): void {
    this.file(fd);
    this.#list = this.#list.map((entry) => (entry.fd === fd ? { ...entry, closeOnExec: closes } : entry));
  }

  /** Closes what is marked so: a program is executed. */
  closeOnExec(): void {
    for (const { fd, closeOnExec } of this.#list) if (closeOnExec) this.close(fd);
  }

  /** A copy for a child: the same open files, one reference more each. */
  fork(id: number): Descriptors {
    for (const { file } of this.#list) this.#files.grab(file);
    return new Descriptors(id, this.#files, this.#list);
  }

  /** One user less; the last one closes everything. */
  drop(): void {
    if (--this.users > 0) return;
    for (const { file } of this.#list) this.#files.drop(file);
    this.#list = [];
  }
}
