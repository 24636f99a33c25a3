import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout } from '../image/image-layout.js';
import type { FrameTable } from './frame-table.js';
import type { PageSlot, Window, WindowCut } from './window.js';

const ZEROS = Buffer.alloc(PAGE_SIZE);

/**
 * A window whose pages have just been read. Pages of zeros and of known frames are decided at once and closed up, so
 * that the rest stand one behind the other.
 * @param at where its pages start in the slab
 */
export function openWindow(
  memory: MemoryLayout,
  { addresses, firstPage }: WindowCut,
  frames: FrameTable,
  slab: Uint8Array,
  at: number,
): Window {
  const slots: PageSlot[] = [];
  const open: number[] = [];
  let end = at;
  for (let index = 0; index < addresses.length; index++) {
    const page = at + index * PAGE_SIZE;
    const { slot, known } = frames.slot(memory.frames?.[firstPage + index]);
    slots.push(slot);
    if (known) continue;
    if (isZero(slab, page)) {
      slot.chunk = null;
      continue;
    }
    if (page !== end) slab.copyWithin(end, page, page + PAGE_SIZE);
    end += PAGE_SIZE;
    open.push(index);
  }
  return { memory, addresses, slots, open, start: at, end };
}

/** Most pages differ from zeros in their first bytes, and comparing all of them costs a call. */
function isZero(slab: Uint8Array, at: number): boolean {
  if ((slab[at]! | slab[at + 1]! | slab[at + 2]! | slab[at + 3]! | slab[at + 8]! | slab[at + 16]!) !== 0)
    return false;
  return ZEROS.compare(slab, at, at + PAGE_SIZE) === 0;
}
