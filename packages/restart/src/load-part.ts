import { readvSync } from 'node:fs';
import { CkptError } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel';
import {
  arenaOf,
  LEAF_ENTRIES,
  offsetInArena,
  PAGE_SIZE,
  PTE_DIRTY,
  PTE_FRAME_SHIFT,
  PTE_PRESENT,
} from '@ckptree/model';

/** What one thread loads at a time: pages of one or several address spaces. */
export interface LoadPart {
  /** Host descriptor of the file that holds the pages. */
  readonly fd: number;
  readonly path: string;
  readonly spans: readonly LoadSpan[];
}

/** Pages of one address space. */
export interface LoadSpan {
  /** Triples (address, position, pages), ascending. */
  readonly runs: Float64Array;
  /** The address space's leaves, made already: pairs (leaf number, leaf frame), ascending. */
  readonly leaves: Int32Array;
}

/** The kernel takes at most so many buffers in one read (IOV_MAX). */
const MAX_BUFFERS = 1024;

/**
 * Reads pages straight into frames and enters them in the leaves. Parts that run at the same time have no page in
 * common, so no two threads write the same entry; the main thread hands the leaves on when all are done.
 * @throws ENOMEM no frames left; EIO the file ends too early. What was entered until then is in the leaves.
 */
export function loadPart(memory: PhysicalMemory, { fd, path, spans }: LoadPart): void {
  for (const { runs, leaves } of spans)
    for (let run = 0; run < runs.length; run += 3)
      loadRun(memory, fd, path, runs[run]!, runs[run + 1]!, runs[run + 2]!, leaves);
}

function loadRun(
  memory: PhysicalMemory,
  fd: number,
  path: string,
  address: number,
  position: number,
  pages: number,
  leaves: Int32Array,
): void {
  const buffers = placeRun(memory, address, pages, leaves);
  for (let first = 0, at = position; first < buffers.length; first += MAX_BUFFERS) {
    const group = buffers.slice(first, first + MAX_BUFFERS);
    readFully(fd, path, group, at);
    at += group.reduce((bytes, { length }) => bytes + length, 0);
  }
}

/**
 * Makes room for consecutive pages and enters it in the leaves.
 * @returns the frames as bytes, in the order of the pages: their contents go there
 * @throws ENOMEM no frames left
 */
export function placeRun(
  memory: PhysicalMemory,
  address: number,
  pages: number,
  leaves: Int32Array,
): Uint8Array[] {
  const frames = memory.allocateRuns(pages);
  enter(memory, leaves, Math.floor(address / PAGE_SIZE), frames);
  const buffers: Uint8Array[] = [];
  for (let pair = 0; pair < frames.length; pair += 2)
    buffers.push(memory.view(frames[pair]!, frames[pair + 1]!));
  return buffers;
}

/** Maps `frames` (pairs of first frame and count) to consecutive pages; their references become the leaves'. */
function enter(memory: PhysicalMemory, leaves: Int32Array, firstPage: number, frames: Int32Array): void {
  let page = firstPage;
  let leaf = -1;
  for (let pair = 0; pair < frames.length; pair += 2) {
    const end = frames[pair]! + frames[pair + 1]!;
    for (let frame = frames[pair]!; frame < end; frame++, page++) {
      const index = page % LEAF_ENTRIES;
      if (leaf < 0 || index === 0) leaf = leafOf(leaves, Math.floor(page / LEAF_ENTRIES));
      const words = memory.words[arenaOf(leaf)]!;
      words[(offsetInArena(leaf) >>> 2) + index] = (frame << PTE_FRAME_SHIFT) | PTE_PRESENT | PTE_DIRTY;
    }
  }
}

function leafOf(leaves: Int32Array, number: number): number {
  let low = 0;
  let high = leaves.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (leaves[middle * 2]! < number) low = middle + 1;
    else high = middle;
  }
  return leaves[low * 2 + 1]!;
}

function readFully(fd: number, path: string, buffers: Uint8Array[], position: number): void {
  let at = position;
  let left = buffers;
  while (left.length > 0) {
    const count = readvSync(fd, left, at);
    if (count === 0)
      throw new CkptError('EIO', `${path} ends at byte ${at}, in the middle of a page`, {
        path,
        position: at,
      });
    at += count;
    left = behind(left, count);
  }
}

/** What is left of buffers of which the first `count` bytes are filled. */
function behind(buffers: Uint8Array[], count: number): Uint8Array[] {
  let filled = count;
  let whole = 0;
  while (whole < buffers.length && filled >= buffers[whole]!.length) filled -= buffers[whole++]!.length;
  const rest = buffers.slice(whole);
  if (filled > 0) rest[0] = rest[0]!.subarray(filled);
  return rest;
}
