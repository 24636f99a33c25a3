import { readSync } from 'node:fs';

/** Some bytes of a file that any thread of the process can read. */
export interface FileStretch {
  /** Host descriptor. */
  readonly fd: number;
  readonly position: number;
  /** Bytes. */
  readonly length: number;
}

/** Reads in the calling thread, into memory that serves again and again: the first touch of other memory costs more. */
export class StretchReader {
  #memory = Buffer.alloc(0);

  /** The bytes, until the next call; fewer than asked for only where the file ends. */
  read({ fd, position, length }: FileStretch): Uint8Array {
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length);
    let done = 0;
    while (done < length) {
      const count = readSync(fd, this.#memory, done, length - done, position + done);
      if (count === 0) break;
      done += count;
    }
    return this.#memory.subarray(0, done);
  }
}
