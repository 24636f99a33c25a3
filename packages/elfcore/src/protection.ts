import { VM } from '@ckptree/model';
import { PF } from './elf.js';

/** Protections of private mappings on x86: Linux 2.6.33, arch/x86/include/asm/pgtable_types.h. */
const PAGE_NONE = 0x120n;
const PAGE_READONLY_EXEC = 0x25n;
const PAGE_READONLY = PAGE_READONLY_EXEC | (1n << 63n);

/** The page protection that Linux gives a private mapping of these flags: a write there is always a copy first. */
export function privatePageProt(flags: number): bigint {
  if ((flags & (VM.READ | VM.WRITE | VM.EXEC)) === 0) return PAGE_NONE;
  return (flags & VM.EXEC) === 0 ? PAGE_READONLY : PAGE_READONLY_EXEC;
}

const PROTECTIONS = [
  [PF.R, VM.READ],
  [PF.W, VM.WRITE],
  [PF.X, VM.EXEC],
] as const;

export const toVmFlags = (segmentFlags: number): number =>
  PROTECTIONS.reduce((flags, [pf, vm]) => ((segmentFlags & pf) === 0 ? flags : flags | vm), 0);

export const toSegmentFlags = (vmFlags: number): number =>
  PROTECTIONS.reduce((flags, [pf, vm]) => (Math.floor(vmFlags / vm) % 2 === 0 ? flags : flags | pf), 0);
