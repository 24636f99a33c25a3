import { createHash } from 'node:crypto';
import { isCkptError } from '@ckptree/errors';
import { FMODE, LEAF_ENTRIES, PAGE_SIZE, PTE_DIRTY, PTE_FRAME_SHIFT, PTE_PRESENT } from '@ckptree/model';
import { AddressSpace, emptyDescription } from '../dist/memory/address-space.js';
import type { FileObject } from '../dist/memory/file-object.js';
import type { MmResources } from '../dist/memory/page-fault.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';

export const MIB = 2 ** 20;

export const fileObject = (id: number, path = `/data/${id}`): FileObject => ({
  id,
  path,
  mode: FMODE.READ,
  flags: 0,
});

/** The byte that every place in a page of a test file has. */
export const fileByte = (file: FileObject, pgoff: number): number => (file.id * 16 + pgoff * 3 + 1) & 0xff;

export interface Machine extends MmResources {
  /** References to files that are held, and pages that were read. */
  readonly counts: { references: number; pagesRead: number };
}

export function machine(bytes = 8 * MIB, filePages = Number.POSITIVE_INFINITY): Machine {
  const counts = { references: 0, pagesRead: 0 };
  const files = {
    grab: () => {
      counts.references++;
    },
    drop: () => {
      counts.references--;
    },
    readPage: (file: FileObject, pgoff: number, into: Uint8Array) => {
      if (pgoff >= filePages) throw Object.assign(new Error('behind the end'), { code: 'EIO' });
      counts.pagesRead++;
      into.fill(fileByte(file, pgoff));
    },
  };
  return { memory: PhysicalMemory.create(bytes), files, counts };
}

export const emptySpace = (resources: MmResources, id = 1): AddressSpace =>
  AddressSpace.fromDescription(resources, emptyDescription(id));

export const digestOf = (space: AddressSpace): string => {
  const hash = createHash('sha256');
  space.digest(hash);
  return hash.digest('hex');
};

/** The dirty pages of a snapshot, read as simply as can be. */
export function dirtyPages(memory: PhysicalMemory, leaves: Int32Array): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  for (let slot = 0; slot < leaves.length; slot += 2) {
    const entries = new Uint32Array(memory.view(leaves[slot + 1]!).slice().buffer, 0, LEAF_ENTRIES);
    entries.forEach((entry, index) => {
      if ((entry & PTE_PRESENT) === 0 || (entry & PTE_DIRTY) === 0) return;
      pages.set(leaves[slot]! * LEAF_ENTRIES + index, memory.view(entry >>> PTE_FRAME_SHIFT).slice());
    });
  }
  return pages;
}

export const pageFilledWith = (value: number): Uint8Array => new Uint8Array(PAGE_SIZE).fill(value);

/** The code and fields of the error that something throws. */
export function failure(act: () => unknown): { code: string; fields: object; message: string } {
  try {
    act();
  } catch (error) {
    if (!isCkptError(error)) throw error;
    return { code: error.code, fields: error.fields, message: error.message };
  }
  throw new Error('it threw nothing');
}
