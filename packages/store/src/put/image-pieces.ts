import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout, PartLayout } from '../image/image-layout.js';
import { batchHeadSize } from '../image/recipe.js';
import { type BatchCut, batchesOf, type KeptRange } from './memory-batches.js';
import type { FileStretch } from './scan-slab.js';
import { SLAB_SIZE } from './slab-pool.js';
import { cutChanged, cutWindows, type WindowCut } from './window.js';

/** An image taken apart, in order. */
export type ImagePiece =
  | { readonly kind: 'literal'; readonly bytes: Uint8Array }
  /** A batch begins: all but its pages follows from those, so it is left out. */
  | {
      readonly kind: 'batch';
      readonly memory: MemoryLayout;
      readonly pages: number;
      /** Those that need not be read. */
      readonly kept: readonly KeptRange[];
    }
  | PagesPiece;

/** The other pages of the batch, in windows. */
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
      const { pages, kept } = batch;
      yield* literals(layout, position, batch.position - batchHeadSize(pages));
      yield { kind: 'batch', memory, pages, kept };
      for (const cuts of slabfuls(cutsOf(memory, batch))) {
        const slab = await takeSlab();
        yield { kind: 'pages', memory, cuts, slab, ...(await readPages(layout, memory, cuts, slab)) };
      }
      position = batch.position + pages * PAGE_SIZE;
    }
  yield* literals(layout, position, layout.size);
}

const cutsOf = (memory: MemoryLayout, { runs }: BatchCut): WindowCut[] =>
  memory.kept === undefined ? cutWindows(runs) : cutChanged(runs);

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
  { copyPages }: MemoryLayout,
  cuts: readonly WindowCut[],
  slab: Uint8Array,
): Promise<{ readonly file?: FileStretch }> {
  const { position, firstPage } = cuts[0]!;
  const pages = cuts.reduce((sum, { addresses }) => sum + addresses.length, 0);
  if (copyPages !== undefined) copyPages(firstPage, slab.subarray(0, pages * PAGE_SIZE));
  else if (source.fd !== undefined) return { file: { fd: source.fd, position } };
  else slab.set(await source.read(position, pages * PAGE_SIZE));
  return {};
}
