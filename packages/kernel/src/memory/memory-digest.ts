import type { Hash } from 'node:crypto';
import { ARENA_FRAMES, PAGE_SIZE, PTE_DIRTY, PTE_FRAME_SHIFT } from '@ckptree/model';
import { withContents } from './page-fault.js';
import type { PageTable } from './page-table.js';
import type { PhysicalMemory } from './physical-memory.js';
import type { VmArea } from './vm-area.js';
import type { VmaList } from './vma-list.js';

/** Pages whose addresses are hashed in one go, ahead of their contents. */
const BATCH = 512;

/**
 * Feeds a hash with what is mapped and what was written there, and with nothing else: neither frames and leaves,
 * nor whether a page of zeros exists, make a difference.
 */
export function digestMemory(hash: Hash, memory: PhysicalMemory, table: PageTable, vmas: VmaList): void {
  for (const vma of vmas) {
    hash.update(JSON.stringify(identity(vma)));
    // The kernel's own pages are no state of the task, and no image holds them.
    if (vma.ops !== 'special') digestPages(hash, memory, table, vma);
  }
}

function identity({ start, end, flags, pageProt, pgoff, ops, name, file }: VmArea): readonly unknown[] {
  return [start, end, flags, pageProt.toString(), pgoff, ops, name ?? null, file?.path ?? null];
}

function digestPages(hash: Hash, memory: PhysicalMemory, table: PageTable, vma: VmArea): void {
  const pages = new Float64Array(BATCH);
  const frames = new Int32Array(BATCH);
  let count = 0;
  const flush = (): void => {
    hash.update(pages.subarray(0, count));
    digestFrames(hash, memory, frames.subarray(0, count));
    count = 0;
  };
  table.forEachPresent(vma.start / PAGE_SIZE, vma.end / PAGE_SIZE, (page, entry) => {
    const frame = entry >>> PTE_FRAME_SHIFT;
    if ((entry & PTE_DIRTY) === 0) return;
    withContents(memory, frame, page, vma);
    // Behind a file, a page of zeros hides what the file has there; elsewhere it is what was there before.
    if (vma.file === undefined && memory.isZero(frame)) return;
    pages[count] = page;
    frames[count++] = frame;
    if (count === BATCH) flush();
  });
  // Also when nothing is left: so that the stream cannot be read in two ways.
  flush();
  hash.update('.');
}

/** Hashes frames in place, neighbours together. */
function digestFrames(hash: Hash, memory: PhysicalMemory, frames: Int32Array): void {
  for (let index = 0; index < frames.length; ) {
    const first = frames[index]!;
    let length = 1;
    while (frames[index + length] === first + length && (first + length) % ARENA_FRAMES !== 0) length++;
    hash.update(memory.view(first, length));
    index += length;
  }
}
