import { frameBytes, PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout } from '../image/image-layout.js';
import type { FrameTable } from './frame-table.js';
import { type PageSlots, ZEROS } from './page-slots.js';
import { APART, IN_SLAB, type SlabScan } from './scan-slab.js';
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
  slab: Uint8Array,
  { zeros, left, places }: SlabScan,
  all: PageSlots,
): Window[] {
  let first = 0;
  return cuts.map((cut, index) => {
    const start = first;
    first += cut.addresses.length;
    const open = new Uint16Array(left[index]!);
    let opened = 0;
    for (let page = start; page < first; page++)
      if (zeros[page] === 1) all.place(slots[page]!, ZEROS, 0);
      else if (known[page] === 0) open[opened++] = page - start;
    const content = contentAt(places[index]!, open.length, slab.subarray(start * PAGE_SIZE), cut.memory);
    return { ...cut, slots: slots.subarray(start, first), open, content };
  });
}

/** @param room of the window */
function contentAt(
  place: number,
  pages: number,
  room: Uint8Array,
  { arenas }: MemoryLayout,
): Uint8Array | undefined {
  if (place === APART) return undefined;
  return place === IN_SLAB ? room.subarray(0, pages * PAGE_SIZE) : frameBytes(arenas!, place, pages);
}
