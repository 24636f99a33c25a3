import { readSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { type Arenas, adjacentFrames, frameBytes, PAGE_SIZE } from '@ckptree/model';
import type { ChunkSettings } from '../chunk.js';
import { contentHash, HASH_SIZE } from '../content-hash.js';

/** Pages that are to be scanned, some windows of them: in a file, in frames of shared memory, or in the slab already. */
export type PageStretch = FilePages | FramePages | PagesHere;

interface FilePages {
  readonly fd: number;
  readonly position: number;
  readonly pages: number;
}

interface FramePages {
  readonly arenas: Arenas;
  readonly frames: Int32Array;
}

interface PagesHere {
  readonly pages: number;
}

/** Pages, window after window. */
export interface SlabPages {
  /** Has room for all of them. */
  readonly slab: Uint8Array;
  /** How many pages each window has. */
  readonly windows: Uint32Array;
  /** For each window, whether nobody wants its id (1). */
  readonly loose: Uint8Array;
  /** For each page, whether it is known already (1) and does not count. */
  readonly known: Uint8Array;
  /** Where the pages are. A window lies within one stretch. */
  readonly stretches: readonly PageStretch[];
}

/** What is left of the windows: their pages that are neither known nor of zeros. */
export interface SlabScan {
  /** For each page, whether it is of zeros (1). */
  readonly zeros: Uint8Array;
  /** Of each window, how many pages are left. */
  readonly left: Uint32Array;
  /**
   * Of each window, where they stand one behind the other: from this frame on, or IN_SLAB from where the window starts. APART: each
   * is in its frame, for the window is loose.
   */
  readonly places: Int32Array;
  /** Of each window, the id of what is left, HASH_SIZE bytes; of a loose one zeros. */
  readonly ids: Uint8Array;
}

export const IN_SLAB = -1;
export const APART = -2;

const ZEROS = Buffer.alloc(PAGE_SIZE);

/**
 * Reads pages, closes them up and hashes them: the work of a thread. What stands side by side in frames is hashed there; only
 * other frames are copied into the slab.
 * @throws EIO the file ends too early; what reading throws
 */
export function scanSlab(
  settings: ChunkSettings,
  { slab, windows, loose, known, stretches }: SlabPages,
): SlabScan {
  const hash = contentHash(settings.idKey);
  const zeros = new Uint8Array(known.length);
  const left = new Uint32Array(windows.length);
  const places = new Int32Array(windows.length);
  const ids = new Uint8Array(windows.length * HASH_SIZE);
  let [index, page] = [0, 0];
  for (const stretch of stretches) {
    const start = page;
    if ('fd' in stretch) readFile(slab.subarray(start * PAGE_SIZE), stretch);
    const pages = 'frames' in stretch ? stretch.frames.length : stretch.pages;
    for (const behind = start + pages; page < behind; page += windows[index++]!) {
      const end = page + windows[index]!;
      const isLoose = loose[index] === 1;
      const window = {
        room: slab.subarray(page * PAGE_SIZE, end * PAGE_SIZE),
        known: known.subarray(page, end),
        zeros: zeros.subarray(page, end),
      };
      const rest =
        'frames' in stretch
          ? restOfFrames(window, stretch.arenas, stretch.frames.subarray(page - start, end - start), isLoose)
          : restOfSlab(window);
      left[index] = rest.pages;
      places[index] = rest.place;
      if (rest.pages > 0 && !isLoose) ids.set(hash.digest(rest.content), index * HASH_SIZE);
    }
  }
  return { zeros, left, places, ids };
}

/** One window of a slab, and what is found out of each of its pages. */
interface ScannedWindow {
  readonly room: Uint8Array;
  readonly known: Uint8Array;
  readonly zeros: Uint8Array;
}

/** What is left of it. @param content in place; of no use when the pages are APART */
interface Rest {
  readonly pages: number;
  readonly place: number;
  readonly content: Uint8Array;
}

/** Closes up what counts. */
function restOfSlab({ room, known, zeros }: ScannedWindow): Rest {
  let size = 0;
  for (let page = 0; page < known.length; page++) {
    if (known[page] === 1) continue;
    const at = page * PAGE_SIZE;
    if (isZero(room, at)) zeros[page] = 1;
    else {
      if (at !== size) room.copyWithin(size, at, at + PAGE_SIZE);
      size += PAGE_SIZE;
    }
  }
  return { pages: size / PAGE_SIZE, place: IN_SLAB, content: room.subarray(0, size) };
}

function restOfFrames(
  { room, known, zeros }: ScannedWindow,
  arenas: Arenas,
  frames: Int32Array,
  isLoose: boolean,
): Rest {
  const rest = new Int32Array(frames.length);
  let pages = 0;
  for (let page = 0; page < frames.length; ) {
    const count = adjacentFrames(frames, page, frames.length);
    const bytes = frameBytes(arenas, frames[page]!, count);
    for (let at = 0; at < bytes.length; at += PAGE_SIZE, page++)
      if (known[page] === 1) continue;
      else if (isZero(bytes, at)) zeros[page] = 1;
      else rest[pages++] = frames[page]!;
  }
  if (isLoose) return { pages, place: APART, content: room };
  const isOneRun = pages > 0 && adjacentFrames(rest, 0, pages) === pages;
  if (isOneRun) return { pages, place: rest[0]!, content: frameBytes(arenas, rest[0]!, pages) };
  return { pages, place: IN_SLAB, content: gather(arenas, rest.subarray(0, pages), room) };
}

/** Copies frames, neighbours at once. @returns their bytes */
function gather(arenas: Arenas, frames: Int32Array, room: Uint8Array): Uint8Array {
  // As fill() copies shared memory like any other; set() goes word by word there, and takes 1.6 times as long.
  const bytes = Buffer.from(room.buffer, room.byteOffset, room.length);
  for (let page = 0; page < frames.length; ) {
    const count = adjacentFrames(frames, page, frames.length);
    bytes.fill(frameBytes(arenas, frames[page]!, count), page * PAGE_SIZE, (page + count) * PAGE_SIZE);
    page += count;
  }
  return room.subarray(0, frames.length * PAGE_SIZE);
}

function readFile(target: Uint8Array, { fd, position, pages }: FilePages): void {
  const size = pages * PAGE_SIZE;
  for (let done = 0; done < size; ) {
    const count = readSync(fd, target, done, size - done, position + done);
    if (count === 0)
      throw new CkptError('EIO', `the image ends at byte ${position + done}, in the middle of its pages`, {
        position: position + done,
      });
    done += count;
  }
}

/** Most pages differ from zeros in their first bytes, and comparing all of them costs a call. */
function isZero(bytes: Uint8Array, at: number): boolean {
  if (
    (bytes[at]! | bytes[at + 1]! | bytes[at + 2]! | bytes[at + 3]! | bytes[at + 8]! | bytes[at + 16]!) !==
    0
  )
    return false;
  return ZEROS.compare(bytes, at, at + PAGE_SIZE) === 0;
}
