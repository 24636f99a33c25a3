import { createHash } from 'node:crypto';
import { isCkptError } from '@ckptree/errors';
import {
  arenaOf,
  FMODE,
  LEAF_ENTRIES,
  leafStamp,
  type MemoryVersions,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
  pageStamp,
} from '@ckptree/model';
import { expect } from '@jest/globals';
import { AddressSpace, emptyDescription, type MmSnapshot } from '../dist/memory/address-space.js';
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

/**
 * Whether a page of a snapshot counts as unchanged since an epoch: its leaf is, or the page itself. Of a leaf that is,
 * all pages count, also those that are not there.
 */
export function keptSince(memory: PhysicalMemory, leaves: Int32Array, epoch: number) {
  const frames = new Map<number, number>();
  for (let slot = 0; slot < leaves.length; slot += 2) frames.set(leaves[slot]!, leaves[slot + 1]!);
  return (page: number): boolean => {
    const frame = frames.get(Math.floor(page / LEAF_ENTRIES));
    if (frame === undefined) return false;
    const words = memory.words[arenaOf(frame)]!;
    const leaf = offsetInArena(frame) >>> 2;
    const entry = page % LEAF_ENTRIES;
    const isPrivate = (words[leaf + entry]! & PTE_DIRTY) !== 0;
    return leafStamp(words, leaf) <= epoch || (isPrivate && pageStamp(words, leaf, entry) <= epoch);
  };
}

type Pages = ReadonlyMap<number, Uint8Array>;

/** Every version of every address space that was met, to hold later ones against. */
export class VersionLog {
  readonly #versions = new Map<string, Pages>();

  /** What counts as unchanged since a version must be as it was then. @param pages of the snapshot that are dirty */
  check(memory: PhysicalMemory, { leaves, history }: MmSnapshot, pages: Pages): void {
    for (const { version, epoch } of history.flatMap(epochsOf)) {
      const then = this.#versions.get(version);
      if (then === undefined) continue;
      const isSame = version === versionOf(history);
      const isKept = isSame ? () => true : keptSince(memory, leaves, epoch);
      expect(digestsOf(pages, isKept)).toEqual(digestsOf(then, isKept));
    }
    this.#versions.set(versionOf(history), pages);
  }
}

const versionOf = ([own]: readonly MemoryVersions[]): string => `${own!.incarnation} ${own!.last}`;

const epochsOf = ({ incarnation, first, last }: MemoryVersions) =>
  Array.from({ length: last - first + 1 }, (_, index) => ({
    version: `${incarnation} ${first + index}`,
    epoch: first + index,
  }));

const digestsOf = (pages: Pages, isKept: (page: number) => boolean) =>
  [...pages]
    .filter(([page]) => isKept(page))
    .map(([page, bytes]) => [page, createHash('sha1').update(bytes).digest('hex')]);

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
