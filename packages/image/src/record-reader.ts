import type { ByteSource } from '@ckptree/model';
import { RECORD_HEADER_SIZE } from './constants.js';

/** Bytes that are read at once; also the most that can be looked at together. */
const WINDOW_SIZE = 128 * 1024;

/** Most bytes of a record's body that are in the window at a time. */
export const PIECE_SIZE = 64 * 1024;

/**
 * A window that moves over a source, always forwards. Many small records come out of one read, and what is
 * skipped beyond the window is never read, so that an image costs as much as its structure, not as its pages.
 */
export class RecordReader {
  readonly #source: ByteSource;
  readonly #window = new Uint8Array(WINDOW_SIZE);
  /** Over the window: `offset` is where the current position is in it. */
  readonly view = new DataView(this.#window.buffer);
  #offset = 0;
  #end = 0;
  #position = 0;
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

  /** The source ended somewhere in what was skipped last. */
  get cutShort(): boolean {
    return this.#cutShort;
  }

  /**
   * Brings `length` bytes from the position on into the window.
   * @param length at most PIECE_SIZE + RECORD_HEADER_SIZE
   * @returns how many are there: fewer only where the source ends
   */
  async require(length: number): Promise<number> {
    const available = this.#end - this.#offset;
    if (available >= length) return length;
    this.#window.copyWithin(0, this.#offset, this.#end);
    this.#offset = 0;
    this.#end = available;
    if (this.#unproven) await this.#readBehindSkip();
    else await this.#read(this.#position + available);
    return Math.min(length, this.#end);
  }

  /** `length` bytes of the window from `offset` bytes behind the position on. They change with the next call. */
  bytes(offset: number, length: number): Uint8Array {
    return this.#window.subarray(this.#offset + offset, this.#offset + offset + length);
  }

  /** Moves on; what is not in the window is skipped. */
  advance(length: number): void {
    this.#position += length;
    this.#offset += length;
    if (this.#offset <= this.#end) return;
    this.#unproven = true;
    this.#offset = 0;
    this.#end = 0;
  }

  async #read(position: number): Promise<void> {
    const bytes = await this.#source.read(position, WINDOW_SIZE - this.#end);
    this.#window.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Starts one byte early: that byte tells whether the source holds all that was skipped. */
  async #readBehindSkip(): Promise<void> {
    const bytes = await this.#source.read(this.#position - 1, WINDOW_SIZE);
    this.#unproven = false;
    this.#cutShort = bytes.length === 0;
    this.#window.set(bytes.subarray(1));
    this.#end = Math.max(0, bytes.length - 1);
  }
}

/** The most that `require` is asked for. */
export const LARGEST_REQUEST = RECORD_HEADER_SIZE + PIECE_SIZE;
