import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout, PartLayout } from '../image/image-layout.js';
import { batchHeadSize } from '../image/recipe.js';
import { type BatchCut, batchesOf, type KeptRange } from './memory-batches.js';
import { SLAB_PAGES } from './slab-pool.js';
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
  /** The other pages of the batch, in windows; they fit a slab. */
  | { readonly kind: 'pages'; readonly memory: MemoryLayout; readonly cuts: readonly WindowCut[] };

/** Bytes of literals that are handed on at once. */
const LITERAL_PIECE = 1024 * 1024;

/** Takes an image apart. Its pages are not read. */
export async function* imagePieces(layout: PartLayout): AsyncIterable<ImagePiece> {
  let position = 0;
  for (const memory of layout.memories)
    for (const batch of batchesOf(memory)) {
      const { pages, kept } = batch;
      yield* literals(layout, position, batch.position - batchHeadSize(pages));
      yield { kind: 'batch', memory, pages, kept };
      for (const cuts of groupsThatFit(cutsOf(memory, batch))) yield { kind: 'pages', memory, cuts };
      position = batch.position + pages * PAGE_SIZE;
    }
  yield* literals(layout, position, layout.size);
}

const cutsOf = (memory: MemoryLayout, { runs }: BatchCut): WindowCut[] =>
  memory.kept === undefined ? cutWindows(memory, runs) : cutChanged(memory, runs);

async function* literals({ source }: PartLayout, start: number, end: number): AsyncIterable<ImagePiece> {
  for (let at = start; at < end; ) {
    const bytes = await source.read(at, Math.min(LITERAL_PIECE, end - at));
    // Not slice(): that of a Buffer is no copy, and a source may use its memory again.
    yield { kind: 'literal', bytes: new Uint8Array(bytes) };
    at += bytes.length;
  }
}

/** Groups of windows whose pages fit a slab. */
function* groupsThatFit(cuts: readonly WindowCut[]): Iterable<WindowCut[]> {
  let group: WindowCut[] = [];
  let pages = 0;
  for (const cut of cuts) {
    if (pages + cut.addresses.length > SLAB_PAGES) {
      yield group;
      group = [];
      pages = 0;
    }
    group.push(cut);
    pages += cut.addresses.length;
  }
  if (group.length > 0) yield group;
}
