import type { ByteSource } from '@ckptree/model';
import { RECORD_HEADER_SIZE } from './constants.js';
import { recordSize } from './records.js';

/** Most bytes of a record's body that are looked at together. */
export const PIECE_SIZE = 64 * 1024;

/** A header and a piece are always in the window after a `fill`, unless the source ends before. */
const LARGEST_REQUEST = RECORD_HEADER_SIZE + PIECE_SIZE;

const WINDOW_SIZE = 2 * LARGEST_REQUEST;

/**
 * Behind pages that were skipped mostly the next batch comes: a PGARR, then a piece of addresses. What would be read beyond
 * them is pages again.
 */
const AFTER_SKIP = recordSize('PGARR') + LARGEST_REQUEST;

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

  /** False when a header and a piece may be in the source and are not in the window: call `fill` then. */
  get filled(): boolean {
    return this.#sourceEnded || this.available >= LARGEST_REQUEST;
  }

  /** The source ended somewhere in what was skipped last. */
  get cutShort(): boolean {
    return this.#cutShort;
  }

  /** Reads on, as much as the window takes. */
  async fill(): Promise<void> {
    this.#window.copyWithin(0, this.#offset, this.#end);
    this.#end -= this.#offset;
    this.#offset = 0;
    // What was skipped is proven by its last byte.
    const back = this.#unproven ? 1 : 0;
    const wanted = this.#unproven ? back + AFTER_SKIP : WINDOW_SIZE - this.#end;
    const bytes = await this.#source.read(this.#position + this.#end - back, wanted);
    this.#cutShort = bytes.length < back;
    this.#sourceEnded = bytes.length < wanted;
    this.#unproven = false;
    this.#window.set(bytes.subarray(back), this.#end);
    this.#end += Math.max(0, bytes.length - back);
  }

  /** Moves on; what is not in the window is skipped. */
  advance(length: number): void {
    this.#position += length;
    this.#offset += length;
    if (this.#offset <= this.#end) return;
    this.#unproven = true;
    this.#sourceEnded = false;
    this.#offset = 0;
    this.#end = 0;
  }
}
