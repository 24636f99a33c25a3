import { CkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';

/** The file breaks a rule of its format at byte `position`. */
export function damaged(position: number, sentence: string): CkptError {
  return new CkptError('EBADMSG', `${sentence} (byte ${position} of the core file)`, { position });
}

/** Reads by position from a source that may be shorter than its own headers claim. */
export class ExactReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Up to `length` bytes, fewer only at the end of the file. */
  async readUpTo(position: number, length: number): Promise<Uint8Array> {
    // A copy, which the source's next answer does not overwrite. (A Buffer's slice() would be none.)
    return new Uint8Array(await this.#source.read(position, length));
  }

  /**
   * Exactly `length` bytes. Nothing is allocated for bytes that the file does not have.
   * @param what names the bytes in the error
   * @throws EBADMSG the file ends before
   */
  async read(position: number, length: number, what: string): Promise<Uint8Array> {
    await this.require(position, length, what);
    const bytes = await this.readUpTo(position, length);
    if (bytes.length < length) throw cutShort(position, length, what);
    return bytes;
  }

  /** @throws EBADMSG the file has not all of these bytes */
  async require(position: number, length: number, what: string): Promise<void> {
    if (length === 0) return;
    const last = position + length - 1;
    if (last >= Number.MAX_SAFE_INTEGER) throw cutShort(position, length, what);
    if ((await this.#source.read(last, 1)).length === 0) throw cutShort(position, length, what);
  }
}

function cutShort(position: number, length: number, what: string): CkptError {
  return damaged(
    position,
    `the core file is cut short, or lies about its size: it ends within the ${length} bytes of ${what}`,
  );
}

/** An offset, length or address of the file as a number. */
export function toNumber(value: bigint, position: number, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw damaged(position, `${what} is 0x${value.toString(16)}, more than any file or address space holds`);
  return Number(value);
}
