import { asCkptError, CkptError } from '@ckptree/errors';
import { PAGE_SHIFT, PAGE_SIZE, PTE_DIRTY, PTE_FRAME_SHIFT, PTE_PRESENT, vmaRange } from '@ckptree/model';
import type { FilePages } from './file-object.js';
import { ZERO_FRAME } from './frame-map.js';
import type { PageTable } from './page-table.js';
import type { PhysicalMemory } from './physical-memory.js';
import type { VmArea } from './vm-area.js';

/** What address spaces stand on; one for all of a thread. */
export interface MmResources {
  readonly memory: PhysicalMemory;
  readonly files: FilePages;
}

/**
 * Makes a page readable: what is not there yet comes from the file, or is the zero frame. It is not dirty.
 * @returns its frame
 * @throws ENOMEM; EFAULT the page lies behind the end of the file
 */
export function readFault(resources: MmResources, table: PageTable, vma: VmArea, page: number): number {
  const entry = table.lookup(page);
  if ((entry & PTE_PRESENT) !== 0) return withContents(resources.memory, entry >>> PTE_FRAME_SHIFT, page);
  table.unshare(page);
  const frame = vma.file === undefined ? ZERO_FRAME : filePage(resources, vma, vma.file, page);
  table.set(page, frame, 0);
  return frame;
}

/**
 * Makes a page writable, by copying it if its frame is shared, and dirty.
 * @returns its frame, to which no one else has a reference
 * @throws as readFault()
 */
export function writeFault(resources: MmResources, table: PageTable, vma: VmArea, page: number): number {
  // The leaf first: behind it, the frame's count tells all others that can reach the frame.
  table.unshare(page);
  const entry = table.lookup(page);
  const frame =
    (entry & PTE_PRESENT) === 0
      ? newPage(resources, vma, page)
      : exclusive(resources.memory, withContents(resources.memory, entry >>> PTE_FRAME_SHIFT, page));
  table.set(page, frame, PTE_DIRTY);
  return frame;
}

/**
 * Waits until the contents of a page that is restored lazily are there.
 * @returns its frame
 * @throws EIO they cannot be had, or do not come
 */
export function withContents(memory: PhysicalMemory, frame: number, page: number, vma?: VmArea): number {
  if (!memory.userfault.isMissing(frame)) return frame;
  try {
    memory.userfault.await(frame);
    return frame;
  } catch (error) {
    const { message, fields } = asCkptError(error);
    const address = (page * PAGE_SIZE).toString(16);
    const place = vma === undefined ? fields : { ...fields, vma: vmaRange(vma) };
    throw new CkptError('EIO', `the page at 0x${address} cannot be restored: ${message}`, place, error);
  }
}

function newPage(resources: MmResources, vma: VmArea, page: number): number {
  return vma.file === undefined ? resources.memory.allocate() : filePage(resources, vma, vma.file, page);
}

function exclusive(memory: PhysicalMemory, frame: number): number {
  if (frame === ZERO_FRAME) return memory.allocate();
  if (memory.refs(frame) === 1) return frame;
  const copy = memory.allocateForCopy();
  memory.copy(frame, copy);
  return copy;
}

function filePage(
  { memory, files }: MmResources,
  vma: VmArea,
  file: NonNullable<VmArea['file']>,
  page: number,
): number {
  const frame = memory.allocateForCopy();
  try {
    files.readPage(file, vma.pgoff + page - vma.start / 2 ** PAGE_SHIFT, memory.view(frame));
    return frame;
  } catch (error) {
    memory.drop(frame);
    throw error;
  }
}
