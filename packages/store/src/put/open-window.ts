import { PAGE_SIZE } from '@ckptree/model';
import type { FrameTable } from './frame-table.js';
import { type PageSlots, ZEROS } from './page-slots.js';
import type { SlabScan } from './scan-slab.js';
import type { Window, WindowCut } from './window.js';

/** Pages that are to be scanned, with the slots of their frames. */
export interface SlottedPages {
  readonly slots: Uint32Array;
  /** For each page, whether its frame was met before (1): its slot is decided by others. */
  readonly known: Uint8Array;
}

export function slotPages(cuts: readonly WindowCut[], all: PageSlots, frames: FrameTable): SlottedPages {
  const count = cuts.reduce((sum, { addresses }) => sum + addresses.length, 0);
  const slots = new Uint32Array(count);
  const known = new Uint8Array(count);
  let index = 0;
  for (const { memory, addresses, firstPage } of cuts)
    for (let page = 0; page < addresses.length; page++, index++) {
      const frame = memory.frames?.[firstPage + page];
      const met = frame === undefined ? undefined : frames.get(frame);
      slots[index] = met ?? all.add();
      if (met !== undefined) known[index] = 1;
      else if (frame !== undefined) frames.set(frame, slots[index]!);
    }
  return { slots, known };
}

/** The windows of a slab that was scanned. Pages of zeros are decided; those of known frames are, or will be. */
export function openWindows(
  cuts: readonly WindowCut[],
  { slots, known }: SlottedPages,
  { zeros, ends }: SlabScan,
  all: PageSlots,
): Window[] {
  let first = 0;
  return cuts.map(({ memory, addresses, isLoose }, index) => {
    const open = new Uint16Array(addresses.length);
    let opened = 0;
    for (let page = 0; page < addresses.length; page++)
      if (zeros[first + page] === 1) all.place(slots[first + page]!, ZEROS, 0);
      else if (known[first + page] === 0) open[opened++] = page;
    const start = first * PAGE_SIZE;
    const own = slots.subarray(first, first + addresses.length);
    first += addresses.length;
    return {
      memory,
      addresses,
      slots: own,
      open: open.subarray(0, opened),
      start,
      end: ends[index]!,
      isLoose,
    };
  });
}
