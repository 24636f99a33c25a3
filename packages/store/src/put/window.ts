import { frameBytes, PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout } from '../image/image-layout.js';
import type { Run } from './memory-batches.js';

/** Pages of a window: what is hashed at once, and becomes one chunk when none of it is known. 1 MiB. */
export const WINDOW_PAGES = 256;
/** A window that has so many pages ends at the next boundary of WINDOW_SPAN, so that windows find back into step. */
const ALIGN_FROM = 64;
const WINDOW_SPAN = WINDOW_PAGES * PAGE_SIZE;

/** Some pages of one address space, ascending by address. */
export interface Window extends WindowCut {
  /** Numbers in PageSlots, one for each page. */
  readonly slots: Uint32Array;
  /** The pages that are still to be decided, as indexes: not zero, and of no frame that was met before. */
  readonly open: Uint16Array;
  /** Their bytes, one behind the other, in the slab or in frames; undefined when each is in a frame of its own, and they are loose. */
  readonly content: Uint8Array | undefined;
  /** Set when its places were found piecemeal, so that the recipe remembers the window as a whole. */
  identity?: string;
}

/** A window before its pages are read. */
export interface WindowCut {
  readonly memory: MemoryLayout;
  readonly addresses: Float64Array;
  /** Of its first page, in the image. */
  readonly position: number;
  /** Of its first page, among all pages of the memory that are read. */
  readonly firstPage: number;
  /** Its pages do not belong together: each may go anywhere. */
  readonly isLoose: boolean;
}

/** The bytes of an open page, in place. @param index among the open ones */
export function openPage({ content, memory, firstPage, open }: Window, index: number): Uint8Array {
  if (content !== undefined) return content.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE);
  const frame = memory.frames![firstPage + open[index]!]!;
  return frameBytes(memory.arenas!, frame, 1);
}

/** Cuts the pages of a batch of a memory into windows. */
export function cutWindows(memory: MemoryLayout, batch: readonly Run[]): WindowCut[] {
  const cuts: WindowCut[] = [];
  let addresses: number[] = [];
  let [position, firstPage] = [0, 0];
  const close = (): void => {
    if (addresses.length > 0)
      cuts.push({ memory, addresses: Float64Array.from(addresses), position, firstPage, isLoose: false });
    addresses = [];
  };
  for (const run of batch)
    for (let page = 0; page < run.pages; page++) {
      const address = run.address + page * PAGE_SIZE;
      const atBoundary = address % WINDOW_SPAN === 0 && addresses.length >= ALIGN_FROM;
      if (addresses.length === WINDOW_PAGES || atBoundary) close();
      if (addresses.length === 0) {
        position = run.position + page * PAGE_SIZE;
        firstPage = run.firstPage + page;
      }
      addresses.push(address);
    }
  close();
  return cuts;
}

/**
 * Cuts the changed pages of a batch, between which others are kept: those that fill a whole span make a window, as they
 * would in a batch that is read in full; the others are loose.
 */
export function cutChanged(memory: MemoryLayout, batch: readonly Run[]): WindowCut[] {
  const cuts: WindowCut[] = [];
  let loose:
    | { readonly addresses: number[]; readonly position: number; readonly firstPage: number }
    | undefined;
  const close = (): void => {
    if (loose !== undefined)
      cuts.push({ memory, ...loose, addresses: Float64Array.from(loose.addresses), isLoose: true });
    loose = undefined;
  };
  for (const run of batch)
    for (let page = 0; page < run.pages; ) {
      const address = run.address + page * PAGE_SIZE;
      const place = { position: run.position + page * PAGE_SIZE, firstPage: run.firstPage + page };
      if (address % WINDOW_SPAN === 0 && run.pages - page >= WINDOW_PAGES) {
        close();
        const addresses = Float64Array.from(
          { length: WINDOW_PAGES },
          (_, index) => address + index * PAGE_SIZE,
        );
        cuts.push({ memory, addresses, ...place, isLoose: false });
        page += WINDOW_PAGES;
        continue;
      }
      loose ??= { addresses: [], ...place };
      loose.addresses.push(address);
      if (loose.addresses.length === WINDOW_PAGES) close();
      page++;
    }
  close();
  return cuts;
}
