import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout } from '../image/image-layout.js';
import type { FrameTable } from './frame-table.js';
import type { SlabScan } from './scan-slab.js';
import type { PageSlot, Window, WindowCut } from './window.js';

/** Pages that are to be scanned, with the slots of their frames. */
export interface SlottedPages {
  readonly slots: readonly PageSlot[];
  /** For each page, whether its frame was met before (1): its slot is decided by others. */
  readonly known: Uint8Array;
}

export function slotPages(
  { frames: numbers }: MemoryLayout,
  cuts: readonly WindowCut[],
  frames: FrameTable,
): SlottedPages {
  const slots: PageSlot[] = [];
  const known: number[] = [];
  for (const { addresses, firstPage } of cuts)
    for (let page = 0; page < addresses.length; page++) {
      const met = frames.slot(numbers?.[firstPage + page]);
      slots.push(met.slot);
      known.push(met.known ? 1 : 0);
    }
  return { slots, known: Uint8Array.from(known) };
}

/** The windows of a slab that was scanned. Pages of zeros are decided; those of known frames are, or will be. */
export function openWindows(
  memory: MemoryLayout,
  cuts: readonly WindowCut[],
  { slots, known }: SlottedPages,
  { zeros, ends }: SlabScan,
): Window[] {
  let first = 0;
  return cuts.map(({ addresses, isLoose }, index) => {
    const open: number[] = [];
    for (let page = 0; page < addresses.length; page++)
      if (zeros[first + page] === 1) slots[first + page]!.chunk = null;
      else if (known[first + page] === 0) open.push(page);
    const start = first * PAGE_SIZE;
    const own = slots.slice(first, first + addresses.length);
    first += addresses.length;
    return { memory, addresses, slots: own, open, start, end: ends[index]!, isLoose };
  });
}
