import { createHash } from 'node:crypto';
import type { Descriptors } from '../files/descriptors.js';
import type { AddressSpace } from '../memory/address-space.js';
import type { Program } from '../program.js';
import type { Registers } from '../registers.js';

/** Never reached by a count of ticks. */
const NO_STOP = -1;

/** Bytes of a state digest. */
export const DIGEST_BYTES = 16;

/** A task as its cpu holds it: what it runs and what it runs on. Its identity is in the process table. */
export class Task {
  readonly slot: number;
  program: Program;
  registers: Registers;
  mm: AddressSpace;
  files: Descriptors;
  setChildTid = 0n;
  clearChildTid = 0n;
  robustList = 0n;
  /** Ticks that it has executed here. */
  ticks = 0;
  /** Before which tick it freezes itself, and who asked. */
  stop = { tick: NO_STOP, request: 0 };
  /** Set by exit(): it ends when this tick returns. */
  exitStatus: number | undefined;

  constructor(slot: number, program: Program, registers: Registers, mm: AddressSpace, files: Descriptors) {
    this.slot = slot;
    this.program = program;
    this.registers = registers;
    this.mm = mm;
    this.files = files;
  }

  /**
   * The digest of the task's state: its registers, and its memory if nobody else uses that. It depends on nothing
   * else: not on which frames hold the memory, nor on which tasks ran meanwhile.
   */
  digest(): Uint8Array {
    const hash = createHash('sha256').update(this.registers.bytes);
    if (this.mm.users === 1) this.mm.digest(hash);
    return hash.digest().subarray(0, DIGEST_BYTES);
  }
}
