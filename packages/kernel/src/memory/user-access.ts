import { CkptError } from '@ckptree/errors';
import { arenaOf, offsetInArena, PAGE_SHIFT, PAGE_SIZE } from '@ckptree/model';
import type { PhysicalMemory } from './physical-memory.js';
import type { UserMemory } from './user-memory.js';

/** Entries of the translation buffer; a power of two. */
const TLB_ENTRIES = 64;
const TLB_MASK = TLB_ENTRIES - 1;
const OFFSET_MASK = PAGE_SIZE - 1;
const TWO_32 = 2 ** 32;
/** High words of numbers below 2^53 are below this. */
const TWO_21 = 2 ** 21;
/** Most bytes that one read, write or fill moves: MAX_RW_COUNT of Linux. */
const MAX_RW_COUNT = 0x7fff_f000;

/** Finds the frame of the page that holds an address, in a state to be read or written. @throws EFAULT, ENOMEM */
export type FaultHandler = (address: number, write: boolean) => number;

/**
 * Memory by address, through a translation buffer (TLB): direct mapped by page number, with a tag for reading and
 * one for writing. What it does not know it asks of the fault handler.
 */
export class UserAccess implements UserMemory {
  readonly #bytes: readonly Uint8Array[];
  readonly #words: readonly Int32Array[];
  readonly #fault: FaultHandler;
  /** Address of the page by slot; NaN, which equals nothing, when the slot is empty. */
  readonly #readable = new Float64Array(TLB_ENTRIES).fill(Number.NaN);
  /** A page here is in the same slot of `#readable` too. */
  readonly #writable = new Float64Array(TLB_ENTRIES).fill(Number.NaN);
  /** Where the page is, by slot: its arena, and its byte offset there. */
  readonly #arenas = new Int32Array(TLB_ENTRIES);
  readonly #offsets = new Int32Array(TLB_ENTRIES);

  constructor(memory: PhysicalMemory, fault: FaultHandler) {
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    this.#fault = fault;
  }

  /** Forgets all: mappings or protections have changed. */
  flush(): void {
    this.#readable.fill(Number.NaN);
    this.#writable.fill(Number.NaN);
  }

  /** Forgets what may be written: frames have come to be shared. */
  writeProtect(): void {
    this.#writable.fill(Number.NaN);
  }

  u8(address: number): number {
    const slot = this.#slotToRead(address);
    return this.#bytes[this.#arenas[slot]!]![this.#offsets[slot]! + (address & OFFSET_MASK)]!;
  }

  setU8(address: number, value: number): void {
    const slot = this.#slotToWrite(address);
    this.#bytes[this.#arenas[slot]!]![this.#offsets[slot]! + (address & OFFSET_MASK)] = value;
  }

  u32(address: number): number {
    checkAligned(address, 4);
    const slot = this.#slotToRead(address);
    return this.#words[this.#arenas[slot]!]![(this.#offsets[slot]! + (address & OFFSET_MASK)) >>> 2]! >>> 0;
  }

  setU32(address: number, value: number): void {
    checkAligned(address, 4);
    const slot = this.#slotToWrite(address);
    this.#words[this.#arenas[slot]!]![(this.#offsets[slot]! + (address & OFFSET_MASK)) >>> 2] = value;
  }

  u53(address: number): number {
    checkAligned(address, 8);
    const slot = this.#slotToRead(address);
    const words = this.#words[this.#arenas[slot]!]!;
    const index = (this.#offsets[slot]! + (address & OFFSET_MASK)) >>> 2;
    const high = words[index + 1]! >>> 0;
    if (high >= TWO_21) throw tooLarge(`the number at ${hex(address)}`);
    return high * TWO_32 + (words[index]! >>> 0);
  }

  setU53(address: number, value: number): void {
    checkAligned(address, 8);
    if (!(Number.isSafeInteger(value) && value >= 0))
      throw tooLarge(`${value}, to be written to ${hex(address)},`);
    const slot = this.#slotToWrite(address);
    const words = this.#words[this.#arenas[slot]!]!;
    const index = (this.#offsets[slot]! + (address & OFFSET_MASK)) >>> 2;
    words[index] = value;
    words[index + 1] = value / TWO_32;
  }

  read(address: number, length: number): Uint8Array {
    checkLength(length);
    const result = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { offset, count } = part(address + done, length - done);
      const slot = this.#slotToRead(address + done);
      const start = this.#offsets[slot]! + offset;
      result.set(this.#bytes[this.#arenas[slot]!]!.subarray(start, start + count), done);
      done += count;
    }
    return result;
  }

  /** A fault midway leaves what lies before it written, as in Linux. */
  write(address: number, bytes: Uint8Array): void {
    checkLength(bytes.length);
    for (let done = 0; done < bytes.length; ) {
      const { offset, count } = part(address + done, bytes.length - done);
      const slot = this.#slotToWrite(address + done);
      const start = this.#offsets[slot]! + offset;
      this.#bytes[this.#arenas[slot]!]!.set(bytes.subarray(done, done + count), start);
      done += count;
    }
  }

  /** As write(). */
  fill(address: number, value: number, length: number): void {
    checkLength(length);
    // A pattern to copy from: fill() itself goes byte by byte on shared memory.
    const pattern = new Uint8Array(Math.min(length, PAGE_SIZE)).fill(value);
    for (let done = 0; done < length; ) {
      const { offset, count } = part(address + done, length - done);
      const slot = this.#slotToWrite(address + done);
      const start = this.#offsets[slot]! + offset;
      this.#bytes[this.#arenas[slot]!]!.set(
        count === pattern.length ? pattern : pattern.subarray(0, count),
        start,
      );
      done += count;
    }
  }

  /** The slot of the page that holds an address. */
  #slotToRead(address: number): number {
    const slot = slotOf(address);
    if (this.#readable[slot] !== pageOf(address)) this.#refill(slot, address, false);
    return slot;
  }

  #slotToWrite(address: number): number {
    const slot = slotOf(address);
    if (this.#writable[slot] !== pageOf(address)) this.#refill(slot, address, true);
    return slot;
  }

  #refill(slot: number, address: number, write: boolean): void {
    const frame = this.#fault(address, write);
    this.#readable[slot] = pageOf(address);
    this.#writable[slot] = write ? pageOf(address) : Number.NaN;
    this.#arenas[slot] = arenaOf(frame);
    this.#offsets[slot] = offsetInArena(frame);
  }
}

// Addresses are above 2^32, but bit operations, which look at the low 32 bits alone, are right for both of these
// and several times as fast as a division.
const slotOf = (address: number): number => (address >>> PAGE_SHIFT) & TLB_MASK;
const pageOf = (address: number): number => address - (address & OFFSET_MASK);

/** The part of a range that lies in the page of its first byte. */
function part(address: number, left: number): { offset: number; count: number } {
  const offset = address & OFFSET_MASK;
  return { offset, count: Math.min(PAGE_SIZE - offset, left) };
}

function checkAligned(address: number, size: number): void {
  if ((address & (size - 1)) !== 0)
    throw new CkptError('EFAULT', `access to ${hex(address)}: it is not aligned to its ${size} bytes`);
}

function checkLength(length: number): void {
  if (!(Number.isInteger(length) && length >= 0 && length <= MAX_RW_COUNT))
    throw new CkptError('EINVAL', `an access of ${length} bytes: must be from 0 to ${MAX_RW_COUNT}`);
}

const tooLarge = (what: string): CkptError =>
  new CkptError('EOVERFLOW', `${what} is not an unsigned integer below 2^53`);

const hex = (address: number): string => `0x${address.toString(16)}`;
