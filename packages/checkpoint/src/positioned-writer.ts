import { writevSync } from 'node:fs';
import { asCkptError, CkptError, reasonOf } from '@ckptree/errors';

/** Buffers in one write, at most: IOV_MAX of Linux. */
const IOV_MAX = 1024;
/**
 * Bytes written at once. With more of them, the system makes room in its cache in large blocks, which may take many times as
 * long; and a cancelled dump would stop later.
 */
const WRITE_SIZE = 1024 * 1024;
const SCRATCH_SIZE = 256 * 1024;

/** As `fs.writevSync`. May write less than it was given. */
export type WriteVector = (fd: number, buffers: readonly Uint8Array[], position: number) => number;

export interface WriterOptions {
  /** Called before each write; throws to stop. */
  readonly beforeWrite?: () => void;
  readonly writeVector?: WriteVector;
}

/**
 * Writes a stretch of a file from many buffers, in few system calls and without gathering them first: the kernel takes
 * the bytes from where they are. (Measured: one page a buffer, scattered, that is still 10 % faster than to gather
 * them into one buffer; with longer runs 30 %.)
 */
export class PositionedWriter {
  readonly #fd: number;
  readonly #options: Required<WriterOptions>;
  readonly #scratch = new Uint8Array(SCRATCH_SIZE);
  #scratchUsed = 0;
  #vector: Uint8Array[] = [];
  #pending = 0;
  #position: number;

  /** @param position of the first byte */
  constructor(fd: number, position: number, options: WriterOptions = {}) {
    this.#fd = fd;
    this.#position = position;
    this.#options = { beforeWrite: () => undefined, writeVector: writevSync, ...options };
  }

  /** Position behind the last byte that was added. */
  get position(): number {
    return this.#position + this.#pending;
  }

  /** Adds bytes as they are: they must not change before `flush`. */
  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      const part = bytes.subarray(from, from + WRITE_SIZE - this.#pending);
      this.#vector.push(part);
      this.#pending += part.length;
      from += part.length;
      if (this.#vector.length === IOV_MAX || this.#pending >= WRITE_SIZE) this.flush();
    }
  }

  /** Adds a copy of some bytes, at most 256 KiB. */
  addCopy(bytes: Uint8Array): void {
    // A flush in the middle of it would give what is left of it to the next copies.
    const isRoom =
      this.#scratchUsed + bytes.length <= SCRATCH_SIZE && this.#pending + bytes.length <= WRITE_SIZE;
    if (!isRoom) this.flush();
    const copy = this.#scratch.subarray(this.#scratchUsed, this.#scratchUsed + bytes.length);
    copy.set(bytes);
    this.#scratchUsed += bytes.length;
    this.add(copy);
  }

  /** Writes what was added. @throws what the system says; EIO when it writes nothing and gives no reason */
  flush(): void {
    while (this.#vector.length > 0) {
      this.#options.beforeWrite();
      const written = this.#write();
      this.#position += written;
      this.#pending -= written;
      this.#vector = behind(this.#vector, written);
    }
    this.#scratchUsed = 0;
  }

  #write(): number {
    const position = this.#position;
    try {
      const written = this.#options.writeVector(this.#fd, this.#vector, position);
      if (written > 0) return written;
      throw new CkptError('EIO', 'nothing was written, and no reason given');
    } catch (error) {
      const { code } = asCkptError(error);
      throw new CkptError(
        code,
        `cannot write from byte ${position} on: ${reasonOf(error)}`,
        { position },
        error,
      );
    }
  }
}

/** What is left of the buffers behind their first `bytes` bytes. */
function behind(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let index = 0;
  while (index < buffers.length && skip >= buffers[index]!.length) skip -= buffers[index++]!.length;
  if (index === buffers.length) return [];
  return [buffers[index]!.subarray(skip), ...buffers.slice(index + 1)];
}
