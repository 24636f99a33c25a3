import type { ByteSource } from '@ckptree/model';
import { RECORD_HEADER_SIZE } from './constants.js';

/** Most bytes of a record's body that are looked at together. */
export const PIECE_SIZE = 64 * 1024;

const WINDOW_SIZE = 2 * (RECORD_HEADER_SIZE + PIECE_SIZE);

/** Bytes: what is read takes no longer than this does. */
const LEAST_READ = 4 * 1024;
/** Bytes: to leave out less saves nothing. */
const LEAST_GAP = 64 * 1024;

/**
 * A window that moves over a source, always forwards. Many small records come out of one read, without waiting for
 * each; what is skipped beyond the window is never read, so that an image costs as much as its structure, not as its
 * pages.
 */
export class RecordReader {
  readonly #source: ByteSource;
  readonly #window = new Uint8Array(WINDOW_SIZE);
  /** Over the window; what it shows changes with the next `fill`. */
  readonly view = new DataView(this.#window.buffer);
  #offset = 0;
  #end = 0;
  #position = 0;
  #sourceEnded = false;
  /** The byte before the position was skipped without seeing that the source holds it. */
  #unproven = false;
  #cutShort = false;
  /** Where what was skipped last ended. */
  #resumed = 0;
  /** Bytes to read next, if no more are needed. */
  #ahead = WINDOW_SIZE;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Position in the source. */
  get position(): number {
    return this.#position;
  }

  /** Where the position is in `view`. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes from the position on that are in the window. */
  get available(): number {
    return this.#end - this.#offset;
  }

  /** The source ended somewhere in what was skipped last. */
  get cutShort(): boolean {
    return this.#cutShort;
  }

  /**
   * Whether so many bytes are in the window, or all that the source has: else call `fill`.
   * @param bytes of a header and a piece at most
   */
  has(bytes: number): boolean {
    return this.#sourceEnded || this.available >= bytes;
  }

  /** Reads on until so many bytes are in the window, or the source ends. @param bytes as of has() */
  async fill(bytes: number): Promise<void> {
    this.#window.copyWithin(0, this.#offset, this.#end);
    this.#end -= this.#offset;
    this.#offset = 0;
    // What was skipped is proven by its last byte.
    const back = this.#unproven ? 1 : 0;
    const wanted = back + Math.min(Math.max(bytes - this.#end, this.#ahead), WINDOW_SIZE - this.#end);
    const read = await this.#source.read(this.#position + this.#end - back, wanted);
    this.#cutShort = read.length < back;
    this.#sourceEnded = read.length < wanted;
    this.#unproven = false;
    this.#window.set(read.subarray(back), this.#end);
    this.#end += Math.max(0, read.length - back);
    this.#ahead = Math.min(2 * this.#ahead, WINDOW_SIZE);
  }

  /** Moves on; what is not in the window is skipped. @param seen bytes of it that were looked at */
  advance(length: number, seen = length): void {
    const looked = this.#position + seen - this.#resumed;
    this.#position += length;
    this.#offset += length;
    if (this.#offset <= this.#end) return;
    // Between pages mostly as much stands as the last time. What would be read beyond it is pages again.
    this.#ahead = this.#offset - this.#end < LEAST_GAP ? WINDOW_SIZE : Math.max(LEAST_READ, looked);
    this.#resumed = this.#position;
    this.#unproven = true;
    this.#sourceEnded = false;
    this.#offset = 0;
    this.#end = 0;
  }
}
