import { readSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import { type Arenas, adjacentFrames, frameBytes, PAGE_SIZE } from '@ckptree/model';
import type { ChunkSettings } from '../chunk.js';
import { contentHash, HASH_SIZE } from '../content-hash.js';

/** Pages that any thread of the process may read: in a file, or in frames of shared memory. */
export type PageStretch = FilePages | FramePages;

interface FilePages {
  readonly fd: number;
  readonly position: number;
  readonly pages: number;
}

interface FramePages {
  readonly arenas: Arenas;
  readonly frames: Int32Array;
}

/** Pages in a slab, window after window. */
export interface SlabPages {
  /** The pages stand here, or have room here. */
  readonly slab: Uint8Array;
  /** How many pages each window has. */
  readonly windows: Uint32Array;
  /** For each window, whether nobody wants its id (1). */
  readonly loose: Uint8Array;
  /** For each page, whether it is known already (1) and does not count. */
  readonly known: Uint8Array;
  /** Where to read the pages, all of them; without any they are in the slab. */
  readonly stretches: readonly PageStretch[];
}

/** What is left of the windows: their pages that are neither known nor of zeros stand one behind the other from the start of each. */
export interface SlabScan {
  /** For each page, whether it is of zeros (1). */
  readonly zeros: Uint8Array;
  /** Of what is left of each window: where it ends in the slab, and the id; of a loose one zeros. */
  readonly ends: Uint32Array;
  readonly ids: Uint8Array;
}

const ZEROS = Buffer.alloc(PAGE_SIZE);

/** Reads pages, closes them up and hashes them: the work of a thread. @throws EIO the file ends too early; what reading throws */
export function scanSlab(
  settings: ChunkSettings,
  { slab, windows, loose, known, stretches }: SlabPages,
): SlabScan {
  let filled = 0;
  for (const stretch of stretches) {
    if ('fd' in stretch) readFile(slab.subarray(filled * PAGE_SIZE), stretch);
    else copyFrames(slab.subarray(filled * PAGE_SIZE), stretch, known.subarray(filled));
    filled += 'fd' in stretch ? stretch.pages : stretch.frames.length;
  }
  const hash = contentHash(settings.idKey);
  const zeros = new Uint8Array(known.length);
  const ends = new Uint32Array(windows.length);
  const ids = new Uint8Array(windows.length * HASH_SIZE);
  let page = 0;
  for (const [index, pages] of windows.entries()) {
    const start = page * PAGE_SIZE;
    let end = start;
    for (const behind = page + pages; page < behind; page++) {
      if (known[page] === 1) continue;
      const at = page * PAGE_SIZE;
      if (isZero(slab, at)) zeros[page] = 1;
      else {
        if (at !== end) slab.copyWithin(end, at, at + PAGE_SIZE);
        end += PAGE_SIZE;
      }
    }
    ends[index] = end;
    if (end > start && loose[index] === 0) ids.set(hash.digest(slab.subarray(start, end)), index * HASH_SIZE);
  }
  return { zeros, ends, ids };
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

/** Those that count, neighbours at once. */
function copyFrames(target: Uint8Array, { arenas, frames }: FramePages, known: Uint8Array): void {
  // As fill() copies shared memory like any other; set() goes word by word there, and takes 1.6 times as long.
  const bytes = Buffer.from(target.buffer, target.byteOffset, target.length);
  for (let page = 0; page < frames.length; page++) {
    let end = page;
    while (end < frames.length && known[end] === 0) end++;
    for (let count = 0; page < end; page += count) {
      count = adjacentFrames(frames, page, end);
      bytes.fill(frameBytes(arenas, frames[page]!, count), page * PAGE_SIZE, (page + count) * PAGE_SIZE);
    }
  }
}

/** Most pages differ from zeros in their first bytes, and comparing all of them costs a call. */
function isZero(slab: Uint8Array, at: number): boolean {
  if ((slab[at]! | slab[at + 1]! | slab[at + 2]! | slab[at + 3]! | slab[at + 8]! | slab[at + 16]!) !== 0)
    return false;
  return ZEROS.compare(slab, at, at + PAGE_SIZE) === 0;
}
