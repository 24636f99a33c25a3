import { PAGE_SIZE, VM, type Vma, type VmaOps } from '@ckptree/model';
import type { FileObject } from './file-object.js';

/** A vma as the kernel holds it; it owns a reference to its file. Immutable, as the model's is. */
export interface VmArea extends Omit<Vma, 'file'> {
  readonly file?: FileObject;
}

/** What a mapping allows. */
export interface Protection {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly exec?: boolean;
}

/** Bits that mprotect sets and clears. */
export const VM_PROTECTION = VM.READ | VM.WRITE | VM.EXEC;
const VM_MAY_ALL = VM.MAYREAD | VM.MAYWRITE | VM.MAYEXEC;

/** Private data, as of the heap: Linux 2.6.33, VM_DATA_DEFAULT_FLAGS in arch/x86/include/asm/page.h. */
export const VM_DATA = VM.READ | VM.WRITE | VM_MAY_ALL | VM.ACCOUNT;
export const VM_STACK = VM.GROWSDOWN | VM_DATA;

/** Vmas that are never merged: VM_SPECIAL, include/linux/mm.h. */
const VM_SPECIAL = VM.IO | VM.DONTEXPAND | VM.RESERVED | VM.PFNMAP;

export function protectionFlags({ read, write, exec }: Protection): number {
  return (read ? VM.READ : 0) | (write ? VM.WRITE : 0) | (exec ? VM.EXEC : 0);
}

/** The flags of a new mapping, as mmap() gives them. @param extra further `VM` bits */
export function mappingFlags(protection: Protection, extra: number, file: boolean): number {
  const flags = protectionFlags(protection) | VM_MAY_ALL | extra | (file ? VM.CAN_NONLINEAR : 0);
  const shared = (extra & VM.SHARED) === 0 ? 0 : VM.MAYSHARE;
  return (flags | shared | accounting(flags)) >>> 0;
}

/** The flags of a vma behind mprotect(). */
export function withProtection(flags: number, protection: Protection): number {
  const changed = (flags & ~VM_PROTECTION) | protectionFlags(protection);
  return (changed | accounting(changed)) >>> 0;
}

/** Private memory that may be written is charged: accountable_mapping(), mm/mmap.c. */
function accounting(flags: number): number {
  const charged = VM.WRITE | VM.SHARED | VM.NORESERVE | VM.HUGETLB;
  return (flags & charged) === VM.WRITE ? VM.ACCOUNT : 0;
}

/** What stands behind a mapping that asks for nothing particular. */
export function opsOf(flags: number, file: FileObject | undefined): VmaOps {
  if ((flags & VM.HUGETLB) !== 0) return 'hugetlb';
  if ((flags & (VM.IO | VM.PFNMAP)) !== 0) return 'device';
  if ((flags & VM.SHARED) !== 0) return 'shm';
  return file === undefined ? 'none' : 'file';
}

const NO_EXECUTE = 1n << 63n;
/** Not present for the processor, but kept as a protection (_PAGE_PROTNONE), accessed. */
const PAGE_NONE = 0x120n;
/** Present, user, accessed. A private page is not writable until it is copied. */
const PAGE_READONLY = 0x025n;
const PAGE_WRITABLE = 0x002n;

/** The page protection that x86-64 gives to flags: protection_map, Linux 2.6.33 (mm/mmap.c, pgtable_types.h). */
export function pageProtection(flags: number): bigint {
  if ((flags & VM_PROTECTION) === 0) return PAGE_NONE;
  const writable = (flags & VM.SHARED) !== 0 && (flags & VM.WRITE) !== 0 ? PAGE_WRITABLE : 0n;
  return PAGE_READONLY | writable | ((flags & VM.EXEC) === 0 ? NO_EXECUTE : 0n);
}

/** Every mapping that allows anything can be read, as on x86; only writing takes a permission of its own. */
export function allows(vma: VmArea, write: boolean): boolean {
  return (vma.flags & (write ? VM.WRITE : VM_PROTECTION)) !== 0;
}

/** The part of a vma from `start` to `end`, which lie within it. */
export function slice(vma: VmArea, start: number, end: number): VmArea {
  if (start === vma.start && end === vma.end) return vma;
  return { ...vma, start, end, pgoff: vma.pgoff + (start - vma.start) / PAGE_SIZE };
}

/** The vma that two neighbours make, when nothing tells them apart: can_vma_merge_after(), mm/mmap.c. */
export function merge(lower: VmArea, upper: VmArea): VmArea | undefined {
  const mergeable =
    lower.end === upper.start &&
    lower.flags === upper.flags &&
    (lower.flags & VM_SPECIAL) === 0 &&
    lower.ops === upper.ops &&
    (lower.ops === 'none' || lower.ops === 'file') &&
    lower.file?.id === upper.file?.id &&
    lower.pgoff + (lower.end - lower.start) / PAGE_SIZE === upper.pgoff;
  return mergeable ? { ...lower, end: upper.end } : undefined;
}
