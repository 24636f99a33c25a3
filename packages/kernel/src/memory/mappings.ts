import { at, CkptError } from '@ckptree/errors';
import { FMODE, PAGE_SIZE, VM, type VmaOps, vmaRange } from '@ckptree/model';
import type { FileObject } from './file-object.js';
import { type MmResources, readFault, writeFault } from './page-fault.js';
import { PageTable } from './page-table.js';
import { UserAccess } from './user-access.js';
import {
  MAX_MAP_COUNT,
  MMAP_BASE,
  MMAP_MIN_ADDRESS,
  pageCeil,
  pageFloor,
  STACK_LIMIT,
  TASK_SIZE,
} from './user-space.js';
import {
  allows,
  mappingFlags,
  opsOf,
  type Protection,
  pageProtection,
  VM_PROTECTION,
  type VmArea,
  withProtection,
} from './vm-area.js';
import { findVma, overlapping, rewrite, unmappedArea, type VmaChange, type VmaList } from './vma-list.js';

export interface MmapOptions {
  /** Bytes; rounded up to whole pages. */
  readonly length: number;
  readonly protection: Protection;
  /** Exactly here, replacing what is mapped there. Without it the highest free place below the stack. */
  readonly address?: number;
  /** A private mapping of this file from page `pgoff` on. Without it anonymous. */
  readonly file?: FileObject;
  readonly pgoff?: number;
  /**
   * Further `VM` bits. Those for memory that is not private (VM_SHARED, VM_IO, ...) say what the mapping is, so that
   * a checkpoint can refuse it; what is written to it still stays with the address space, and fork copies it.
   */
  readonly flags?: number;
  /** What stands behind it, if that does not follow from file and flags. */
  readonly ops?: VmaOps;
  /** The name of a special mapping. */
  readonly name?: string;
}

/** A vma whose protection still follows from its flags. */
export type NewVma = Omit<VmArea, 'pageProt'>;

/** What is mapped where: the vmas of an address space with the page table under them. */
export class Mappings {
  readonly access: UserAccess;
  readonly table: PageTable;
  readonly #resources: MmResources;
  #vmas: VmaList;
  /** The vma of the last fault: most faults come in runs (mm->mmap_cache). */
  #lastVma: VmArea | undefined;

  /** @param vmas with a reference to the file of each */
  constructor(resources: MmResources, vmas: VmaList, table: PageTable) {
    this.#resources = resources;
    this.#vmas = vmas;
    this.table = table;
    this.access = new UserAccess(resources.memory, (address, write) => this.#fault(address, write));
  }

  get vmas(): VmaList {
    return this.#vmas;
  }

  /** @see AddressSpace.mmap */
  mmap(options: MmapOptions, defaultFlags: number): number {
    const { file, name } = options;
    const length = lengthInPages(options.length);
    if (file !== undefined && (file.mode & FMODE.READ) === 0)
      throw new CkptError('EPERM', 'cannot map a file that is not open for reading', { path: file.path });
    const flags = mappingFlags(options.protection, (options.flags ?? 0) | defaultFlags, file !== undefined);
    const start = options.address ?? this.#place(length);
    this.map({
      start,
      end: start + length,
      flags,
      pgoff: file === undefined ? start / PAGE_SIZE : (options.pgoff ?? 0),
      ops: options.ops ?? opsOf(flags, file),
      ...(file === undefined ? {} : { file }),
      ...(name === undefined ? {} : { name }),
    });
    return start;
  }

  /** Maps a vma in place of what is there. @throws EINVAL, ENOMEM; then nothing has changed */
  map(vma: NewVma): void {
    checkRange(vma.start, vma.end);
    const whole = { ...vma, pageProt: pageProtection(vma.flags) };
    this.#replace(vma.start, vma.end, [whole]);
  }

  /** @see AddressSpace.munmap */
  munmap(address: number, length: number): void {
    const end = address + lengthInPages(length);
    checkRange(address, end);
    this.#replace(address, end, []);
  }

  /** @see AddressSpace.mprotect */
  mprotect(address: number, length: number, protection: Protection): void {
    const end = address + lengthInPages(length);
    checkRange(address, end);
    const change = rewrite(this.#vmas, address, end, (inside) => {
      checkCovered(inside, address, end);
      return inside.map((vma) => reprotect(vma, protection));
    });
    this.#apply(change);
  }

  overlap(start: number, end: number): boolean {
    return overlapping(this.#vmas, start, end).length > 0;
  }

  /** Forgets all mappings without giving back what they own: somebody else has it now. */
  forget(): void {
    this.#vmas = [];
    this.#flush();
  }

  /** Unmaps all, and drops what it owns. */
  destroy(): void {
    const { files, memory } = this.#resources;
    for (const { file } of this.#vmas) if (file !== undefined) files.drop(file);
    this.forget();
    PageTable.release(memory, this.table.take());
  }

  #place(length: number): number {
    const start = unmappedArea(this.#vmas, length, MMAP_MIN_ADDRESS, MMAP_BASE);
    if (start !== undefined) return start;
    throw new CkptError('ENOMEM', `no room in the address space for a mapping of ${length} bytes`);
  }

  #replace(start: number, end: number, by: VmaList): void {
    const change = rewrite(this.#vmas, start, end, () => by);
    checkCount(change.next);
    this.table.unmap(start / PAGE_SIZE, end / PAGE_SIZE);
    this.#apply(change);
  }

  #apply({ next, removed, added }: VmaChange): void {
    checkCount(next);
    const { files } = this.#resources;
    // Grab first: a file that is in both lists must not be closed in between.
    for (const { file } of added) if (file !== undefined) files.grab(file);
    for (const { file } of removed) if (file !== undefined) files.drop(file);
    this.#vmas = next;
    this.#flush();
  }

  #flush(): void {
    this.#lastVma = undefined;
    this.access.flush();
  }

  #fault(address: number, write: boolean): number {
    const vma = this.#vmaOf(address, write);
    if (!allows(vma, write)) throw accessFault(address, write, 'its mapping does not allow that', vma);
    const page = Math.floor(address / PAGE_SIZE);
    try {
      const fault = write ? writeFault : readFault;
      return fault(this.#resources, this.table, vma, page);
    } catch (error) {
      throw at(error, { vma: vmaRange(vma) });
    }
  }

  #vmaOf(address: number, write: boolean): VmArea {
    const last = this.#lastVma;
    if (last !== undefined && address >= last.start && address < last.end) return last;
    const index = findVma(this.#vmas, address);
    const next = this.#vmas[index];
    if (next === undefined || !(address >= 0)) throw accessFault(address, write, 'nothing is mapped there');
    this.#lastVma = address >= next.start ? next : this.#growStack(index, next, address, write);
    return this.#lastVma;
  }

  /** Extends the stack that begins above an address down to it: expand_stack(), mm/mmap.c. */
  #growStack(index: number, stack: VmArea, address: number, write: boolean): VmArea {
    const start = pageFloor(address);
    const pages = (stack.start - start) / PAGE_SIZE;
    if ((stack.flags & VM.GROWSDOWN) === 0) throw accessFault(address, write, 'nothing is mapped there');
    if (stack.end - start > STACK_LIMIT || start < MMAP_MIN_ADDRESS || pages > stack.pgoff)
      throw accessFault(address, write, 'the stack above cannot grow so far', stack);
    const grown = { ...stack, start, pgoff: stack.pgoff - pages };
    this.#vmas = this.#vmas.with(index, grown);
    return grown;
  }
}

function reprotect(vma: VmArea, protection: Protection): VmArea {
  const flags = withProtection(vma.flags, protection);
  // What may be allowed stands four bits above what is: VM_MAYREAD and so on.
  if ((flags & ~(flags >> 4) & VM_PROTECTION) !== 0)
    throw new CkptError('EPERM', 'this mapping may not get that protection', { vma: vmaRange(vma) });
  return { ...vma, flags, pageProt: pageProtection(flags) };
}

function lengthInPages(length: number): number {
  if (length > 0 && length <= TASK_SIZE) return pageCeil(length);
  const code = length > TASK_SIZE ? 'ENOMEM' : 'EINVAL';
  throw new CkptError(code, `a mapping of ${length} bytes: must be from 1 to ${TASK_SIZE}`);
}

function checkRange(start: number, end: number): void {
  if (start >= 0 && end <= TASK_SIZE && start % PAGE_SIZE === 0) return;
  const range = { vma: vmaRange({ start, end }) };
  throw start % PAGE_SIZE === 0
    ? new CkptError('ENOMEM', 'the range is not within user space', range)
    : new CkptError('EINVAL', 'a mapping must begin at a page boundary', range);
}

function checkCovered(inside: VmaList, start: number, end: number): void {
  const mapped = inside.reduce((sum, vma) => sum + vma.end - vma.start, 0);
  if (mapped === end - start) return;
  throw new CkptError('ENOMEM', 'part of the range is not mapped', { vma: vmaRange({ start, end }) });
}

function checkCount(vmas: VmaList): void {
  if (vmas.length > MAX_MAP_COUNT)
    throw new CkptError('ENOMEM', `an address space cannot have more than ${MAX_MAP_COUNT} vmas`);
}

function accessFault(address: number, write: boolean, why: string, vma?: VmArea): CkptError {
  const access = write ? 'write to' : 'read of';
  const message = `${access} 0x${address.toString(16)}: ${why}`;
  return new CkptError('EFAULT', message, vma === undefined ? {} : { vma: vmaRange(vma) });
}
