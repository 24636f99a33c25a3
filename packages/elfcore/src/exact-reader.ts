import { CkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';

/** The file breaks a rule of its format at byte `position`. */
export function damaged(position: number, sentence: string): CkptError {
  return new CkptError('EBADMSG', `${sentence} (byte ${position} of the core file)`, { position });
}

const WINDOW_BYTES = 2 ** 16;

/** Reads by position from a source that may be shorter than its own headers claim. */
export class ExactReader {
  readonly #source: ByteSource;
  #window: { readonly start: number; readonly bytes: Uint8Array } = { start: 0, bytes: new Uint8Array() };

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Up to `length` bytes, fewer only at the end of the file. */
  async readUpTo(position: number, length: number): Promise<Uint8Array> {
    // A copy, which the source's next answer does not overwrite. (A Buffer's slice() would be none.)
    return new Uint8Array(await this.#source.read(position, length));
  }

  /** The same, for many small reads that only go forward: one read of the source serves several. */
  async readAhead(position: number, length: number): Promise<Uint8Array> {
    const { start, bytes } = this.#window;
    if (position < start || position + length > start + bytes.length)
      this.#window = { start: position, bytes: await this.readUpTo(position, WINDOW_BYTES) };
    const offset = position - this.#window.start;
    return this.#window.bytes.subarray(offset, offset + length);
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
