import type { OpenFile } from './file.js';

/** Flags of a vma: Linux 2.6.33, include/linux/mm.h. */
export const VM = {
  READ: 0x1,
  WRITE: 0x2,
  EXEC: 0x4,
  SHARED: 0x8,
  MAYREAD: 0x10,
  MAYWRITE: 0x20,
  MAYEXEC: 0x40,
  MAYSHARE: 0x80,
  GROWSDOWN: 0x100,
  PFNMAP: 0x400,
  DENYWRITE: 0x800,
  EXECUTABLE: 0x1000,
  LOCKED: 0x2000,
  IO: 0x4000,
  SEQ_READ: 0x8000,
  RAND_READ: 0x1_0000,
  DONTCOPY: 0x2_0000,
  DONTEXPAND: 0x4_0000,
  RESERVED: 0x8_0000,
  ACCOUNT: 0x10_0000,
  NORESERVE: 0x20_0000,
  HUGETLB: 0x40_0000,
  NONLINEAR: 0x80_0000,
  MAPPED_COPY: 0x100_0000,
  INSERTPAGE: 0x200_0000,
  ALWAYSDUMP: 0x400_0000,
  CAN_NONLINEAR: 0x800_0000,
  MIXEDMAP: 0x1000_0000,
  SAO: 0x2000_0000,
} as const;

export type VmFlag = keyof typeof VM;

/**
 * The operations of a vma, by name: what stands behind it decides what a checkpoint does with it.
 * `none` is private anonymous memory; `file` a private file mapping; `special` pages that the kernel itself
 * installed (the vdso); `shm`, `hugetlb` and `device` have no way to be checkpointed.
 */
export type VmaOps = 'none' | 'file' | 'special' | 'shm' | 'hugetlb' | 'device';

/** A mapped range of an address space. Immutable: a change makes a new one, so a snapshot may keep the old. */
export interface Vma {
  /** First byte, page-aligned. */
  readonly start: number;
  /** Byte behind the last, page-aligned. */
  readonly end: number;
  /** `VM` bits. */
  readonly flags: number;
  /** Page protection bits of the architecture (x86: bit 63 is no-execute). */
  readonly pageProt: bigint;
  /** Offset into the file in pages; for anonymous memory `start / PAGE_SIZE` when it was mapped. */
  readonly pgoff: number;
  readonly ops: VmaOps;
  /** Name that the architecture gives a special mapping: `[vdso]`. */
  readonly name?: string;
  readonly file?: OpenFile;
}

/** The names of the set bits of `flags`, joined by `|`; bits without a name in hexadecimal. */
export function vmFlagNames(flags: number): string {
  const known = Object.entries(VM).filter(([, bit]) => Math.floor(flags / bit) % 2 === 1);
  const rest = known.reduce((left, [, bit]) => left - bit, flags);
  const names = known.map(([name]) => name);
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names.length === 0 ? '0' : names.join('|');
}

/** A vma's range as people read it: `7f00-8f00` in hexadecimal. */
export const vmaRange = ({ start, end }: Pick<Vma, 'start' | 'end'>): string =>
  `${start.toString(16)}-${end.toString(16)}`;
