import type { OpenFile } from './file.js';
import type { MemorySnapshot } from './memory.js';
import type { Vma } from './vma.js';

/** Entries of the saved auxiliary vector: 2 * (AT_VECTOR_SIZE_BASE 19 + AT_VECTOR_SIZE_ARCH 2 + 1). */
export const AT_VECTOR_SIZE = 44;

/** Bytes of one entry of a local descriptor table (x86). */
export const LDT_ENTRY_SIZE = 8;

/** The ranges that an address space remembers of itself, in bytes. */
export interface MmLayout {
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  readonly startBrk: number;
  readonly brk: number;
  readonly startStack: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
}

/**
 * An address space at the cut, perhaps shared by several tasks. `Memory` says where its page contents are: in
 * shared memory (`MemorySnapshot`) or in a file (`StoredPages`).
 */
export interface Mm<Memory = MemorySnapshot> {
  readonly id: number;
  /** Tasks that use it. */
  readonly users: number;
  readonly layout: MmLayout;
  /** `mm->flags` and `mm->def_flags`. */
  readonly flags: bigint;
  readonly defFlags: bigint;
  /** `AT_VECTOR_SIZE` entries. */
  readonly auxv: BigUint64Array;
  readonly context: MmContext;
  /** The executable, which is also the program that a simulated task runs. */
  readonly exe?: OpenFile;
  /** How many vmas the address space says that it has. */
  readonly mapCount: number;
  /** Ascending, not overlapping. */
  readonly vmas: readonly Vma[];
  /** Asynchronous requests that are not completed. */
  readonly outstandingAio: number;
  readonly memory: Memory;
}

/** The architecture's part of an address space (x86). */
export interface MmContext {
  /** Address of the vdso, 0 when there is none. */
  readonly vdso: number;
  /** Local descriptor table: whole entries of `LDT_ENTRY_SIZE` bytes. */
  readonly ldt: Uint8Array;
}
