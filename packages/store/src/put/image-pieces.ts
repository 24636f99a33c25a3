import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout, PartLayout } from '../image/image-layout.js';
import { batchHead } from '../image/stored-image.js';
import type { FileStretch } from './scan-slab.js';
import { SLAB_SIZE } from './slab-pool.js';
import { cutWindows, type Run, type WindowCut } from './window.js';

/** An image taken apart, in order. */
export type ImagePiece =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  /** A batch begins: all but its pages follows from those, so it is left out. */
  | { readonly kind: 'batch'; readonly memory: MemoryLayout; readonly pages: number }
  | PagesPiece;

/** Pages of the batch, in windows. */
export interface PagesPiece {
  readonly kind: 'pages';
  readonly memory: MemoryLayout;
  readonly cuts: readonly WindowCut[];
  /** Holds the pages, or will: they are still in the file. */
  readonly slab: Uint8Array;
  readonly file?: FileStretch;
}

/** Bytes of literals that are handed on at once. */
const LITERAL_PIECE = 1024 * 1024;

/** @param takeSlab a buffer of SLAB_SIZE that is free to be written to */
export async function* imagePieces(
  layout: PartLayout,
  takeSlab: () => Promise<Uint8Array>,
): AsyncIterable<ImagePiece> {
  let position = 0;
  for (const memory of layout.memories)
    for (const batch of batchesOf(memory)) {
      const first = batch[0]!.position;
      const pages = batch.reduce((sum, run) => sum + run.pages, 0);
      yield* literals(layout, position, first - batchHead(batch).length);
      yield { kind: 'batch', memory, pages };
      for (const cuts of slabfuls(cutWindows(batch))) {
        const slab = await takeSlab();
        yield { kind: 'pages', memory, cuts, slab, ...(await readPages(layout, cuts, slab)) };
      }
      position = first + pages * PAGE_SIZE;
    }
  yield* literals(layout, position, layout.size);
}

/** Runs that follow on each other in the image: those of one batch, for something always stands between two batches. */
function* batchesOf({ runs }: MemoryLayout): Iterable<Run[]> {
  let batch: Run[] = [];
  let behind = -1;
  let firstPage = 0;
  for (let index = 0; index < runs.length; index += 3) {
    const run = { address: runs[index]!, position: runs[index + 1]!, pages: runs[index + 2]!, firstPage };
    if (run.position !== behind && batch.length > 0) {
      yield batch;
      batch = [];
    }
    batch.push(run);
    behind = run.position + run.pages * PAGE_SIZE;
    firstPage += run.pages;
  }
  if (batch.length > 0) yield batch;
}

async function* literals({ source }: PartLayout, start: number, end: number): AsyncIterable<ImagePiece> {
  for (let at = start; at < end; ) {
    const bytes = await source.read(at, Math.min(LITERAL_PIECE, end - at));
    // Not slice(): that of a Buffer is no copy, and a source may use its memory again.
    yield { kind: 'literal', bytes: new Uint8Array(bytes) };
    at += bytes.length;
  }
}

/** Groups of windows whose pages fit a slab. */
function* slabfuls(cuts: readonly WindowCut[]): Iterable<WindowCut[]> {
  let group: WindowCut[] = [];
  let pages = 0;
  for (const cut of cuts) {
    if ((pages + cut.addresses.length) * PAGE_SIZE > SLAB_SIZE) {
      yield group;
      group = [];
      pages = 0;
    }
    group.push(cut);
    pages += cut.addresses.length;
  }
  if (group.length > 0) yield group;
}

/** Leaves the reading to others where they can do it. */
async function readPages(
  { source }: PartLayout,
  cuts: readonly WindowCut[],
  slab: Uint8Array,
): Promise<{ readonly file?: FileStretch }> {
  const { position } = cuts[0]!;
  if (source.fd !== undefined) return { file: { fd: source.fd, position } };
  const pages = cuts.reduce((sum, { addresses }) => sum + addresses.length, 0);
  slab.set(await source.read(position, pages * PAGE_SIZE));
  return {};
}
