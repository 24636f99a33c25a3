import { type Arenas, PAGE_SIZE } from '@ckptree/model';
import type { PartLayout } from '../image/image-layout.js';
import type { ImagePiece } from './image-pieces.js';
import type { PageStretch } from './scan-slab.js';
import { SLAB_PAGES } from './slab-pool.js';
import type { WindowCut } from './window.js';

/** Pieces of an image, one behind the other, that are worked on together: their pages share a slab. */
export interface Slabful {
  readonly pieces: readonly ImagePiece[];
  /** All windows of the pages, in order. */
  readonly cuts: readonly WindowCut[];
}

/** Bytes: with more literals than this a slabful ends. */
const LITERALS = 1024 * 1024;

/**
 * Groups pieces. The memory of a process may be thousands of small areas, or there may be as many small processes, and to hand
 * over each by itself to be hashed takes longer than that does.
 */
export async function* slabfuls(pieces: AsyncIterable<ImagePiece>): AsyncIterable<Slabful> {
  let group: ImagePiece[] = [];
  let cuts: WindowCut[] = [];
  let [pages, literals] = [0, 0];
  const end = function* (): Iterable<Slabful> {
    if (group.length > 0) yield { pieces: group, cuts };
    group = [];
    cuts = [];
    [pages, literals] = [0, 0];
  };
  for await (const piece of pieces) {
    if (piece.kind === 'literal') {
      literals += piece.bytes.length;
      if (literals > LITERALS) yield* end();
    }
    if (piece.kind === 'pages') {
      const more = pagesOf(piece.cuts);
      if (pages + more > SLAB_PAGES) yield* end();
      pages += more;
      cuts.push(...piece.cuts);
    }
    group.push(piece);
  }
  yield* end();
}

/** Says where the pages of a slabful are; those that threads cannot read by themselves are brought into the slab. */
export async function readPages(
  { source }: PartLayout,
  { pieces, cuts }: Slabful,
  slab: Uint8Array,
): Promise<readonly PageStretch[]> {
  const stretches: PageStretch[] = [];
  const all = new Int32Array(pagesOf(cuts));
  let page = 0;
  for (const piece of pieces) {
    if (piece.kind !== 'pages') continue;
    const { position, firstPage } = piece.cuts[0]!;
    const pages = pagesOf(piece.cuts);
    const { frames, arenas } = piece.memory;
    if (frames !== undefined && arenas !== undefined) {
      all.set(frames.subarray(firstPage, firstPage + pages), page);
      addFrames(stretches, arenas, all.subarray(0, page + pages), pages);
    } else if (source.fd !== undefined) stretches.push({ fd: source.fd, position, pages });
    else {
      slab.set(await source.read(position, pages * PAGE_SIZE), page * PAGE_SIZE);
      stretches.push({ pages });
    }
    page += pages;
  }
  return stretches;
}

/** Memories in the same arenas have one stretch: there may be a thousand of them in a slab. @param count of the last frames, which are new */
function addFrames(stretches: PageStretch[], arenas: Arenas, frames: Int32Array, count: number): void {
  const last = stretches.at(-1);
  const goesOn = last !== undefined && 'arenas' in last && last.arenas === arenas;
  if (goesOn) stretches.pop();
  const own = goesOn ? last.frames.length + count : count;
  stretches.push({ arenas, frames: frames.subarray(frames.length - own) });
}

const pagesOf = (cuts: readonly WindowCut[]): number =>
  cuts.reduce((sum, { addresses }) => sum + addresses.length, 0);
