import { batchSize, putPagesHeader } from '@ckptree/image';
import { type ByteSource, PAGE_SIZE } from '@ckptree/model';
import type { ChunkReader } from '../chunk-reader.js';
import type { ChunkRecords } from '../chunk-records.js';
import type { ChunkId } from '../content-hash.js';
import type { Manifest, ManifestSegment } from './manifest.js';
import { locatePages, type PagePlaces } from './page-places.js';
import { type PageRun, ZERO_PAGES } from './page-runs.js';
import { readRecipe } from './read-recipe.js';
import { batchHeadSize, pagesOf, type Recipe, runsOf } from './recipe.js';
import { WantedPages } from './wanted-pages.js';

/** Recipes of an image that are kept in memory. */
const KEPT_SEGMENTS = 8;

type OpenRecords = (chunks: readonly ChunkId[]) => Promise<ChunkRecords | undefined>;

/** A piece of an image: literal bytes, or a batch of pages. */
interface Piece {
  /** Byte position in the image, and bytes. */
  readonly position: number;
  readonly size: number;
  /** Copies what is at hand of a stretch, and tells what is wanted of chunks. */
  fill(target: Uint8Array, stretch: Stretch, wanted: WantedPages): void;
}

/** Some bytes of a piece, and where they go in a target. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly size: number;
}

/**
 * An image as it was put into the store, byte for byte, read by position in any order. Chunks are fetched when their
 * pages are read, and checked against their ids.
 */
export class StoredImage implements ByteSource {
  /** Bytes. */
  readonly size: number;
  readonly #manifest: Manifest;
  readonly #chunks: ChunkReader;
  readonly #segments: readonly ManifestSegment[];
  readonly #openRecords: OpenRecords;
  readonly #pieces = new Map<ManifestSegment, Promise<readonly Piece[]>>();
  #showsPages = true;

  constructor(manifest: Manifest, chunks: ChunkReader, openRecords: OpenRecords) {
    this.#manifest = manifest;
    this.size = manifest.sizes.logical;
    this.#segments = manifest.segments;
    this.#chunks = chunks;
    this.#openRecords = openRecords;
  }

  /**
   * The same image, but its pages read as zeros: for somebody who looks at its structure alone, one read after the other,
   * so that no page is fetched.
   */
  withoutPages(): ByteSource {
    const image = new StoredImage(this.#manifest, this.#chunks, this.#openRecords);
    image.#showsPages = false;
    // One buffer, as fresh memory would cost more than what is put into it.
    let buffer = Buffer.alloc(0);
    return {
      read(position, length) {
        if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(length);
        return image.readInto(buffer.subarray(0, length), position);
      },
    };
  }

  /** Which chunks hold pages. @see locatePages */
  locate(lists: readonly Float64Array[]): Promise<PagePlaces> {
    return locatePages(this.#segments, this.#chunks, lists);
  }

  /**
   * Chunks as they stand in packs, for other threads to read.
   * @returns undefined when the packs of this store are no files
   * @throws EIO a chunk is missing
   */
  openRecords(chunks: readonly ChunkId[]): Promise<ChunkRecords | undefined> {
    return this.#openRecords(chunks);
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    return this.readInto(
      Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, this.size - position))),
      position,
    );
  }

  /** @returns the part of `target` that was filled: less than all of it at the end */
  async readInto(target: Uint8Array, position: number): Promise<Uint8Array> {
    const end = Math.min(position + target.length, this.size);
    const wanted = new WantedPages();
    for (let done = position; done < end; ) {
      const segment = this.#segments[lastAtOrBefore(this.#segments, done)]!;
      const pieces = await this.#piecesOf(segment);
      const until = Math.min(end, segment.position + segment.size);
      for (let index = lastAtOrBefore(pieces, done); done < until; index++) {
        const piece = pieces[index]!;
        const size = Math.min(until, piece.position + piece.size) - done;
        piece.fill(target, { from: done - piece.position, to: done - position, size }, wanted);
        done += size;
      }
    }
    await wanted.copyTo(target, this.#chunks);
    return target.subarray(0, Math.max(0, end - position));
  }

  #piecesOf(segment: ManifestSegment): Promise<readonly Piece[]> {
    let pieces = this.#pieces.get(segment);
    if (pieces === undefined) {
      pieces = readRecipe(this.#chunks, segment).then((recipe) =>
        piecesOf(recipe, segment.position, this.#showsPages),
      );
      pieces.catch(() => this.#pieces.delete(segment));
      if (this.#pieces.size >= KEPT_SEGMENTS) this.#pieces.delete(this.#pieces.keys().next().value!);
      this.#pieces.set(segment, pieces);
    }
    return pieces;
  }
}

/** Index of the last one that starts at or before a position; they ascend, and the first starts before it. */
function lastAtOrBefore(stretches: readonly { readonly position: number }[], position: number): number {
  let [low, high] = [0, stretches.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (stretches[middle]!.position <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @param showsPages whether they are read at all, or as zeros */
function piecesOf(recipe: Recipe, start: number, showsPages: boolean): Piece[] {
  const pieces: Piece[] = [];
  let position = start;
  let literalsDone = 0;
  const add = (piece: Piece): void => {
    if (piece.size === 0) return;
    pieces.push(piece);
    position += piece.size;
  };
  for (const batch of recipe.batches) {
    add(literalPiece(position, recipe.literals.subarray(literalsDone, batch.literalsBefore)));
    literalsDone = batch.literalsBefore;
    add(batchPiece(position, recipe, runsOf(recipe, batch), showsPages));
  }
  add(literalPiece(position, recipe.literals.subarray(literalsDone)));
  return pieces;
}

const literalPiece = (position: number, bytes: Uint8Array): Piece => ({
  position,
  size: bytes.length,
  fill: (target, { from, to, size }) => target.set(bytes.subarray(from, from + size), to),
});

function batchPiece(position: number, recipe: Recipe, runs: readonly PageRun[], showsPages: boolean): Piece {
  const pages = pagesOf(runs);
  const headSize = batchHeadSize(pages);
  let head: Uint8Array | undefined;
  return {
    position,
    size: batchSize(pages),
    fill(target, { from, to, size }, wanted) {
      const headPart = Math.max(0, Math.min(size, headSize - from));
      if (headPart === headSize) putPagesHeader(target.subarray(to, to + headSize), runs);
      else if (headPart > 0) {
        // Read in parts, it comes in two or three.
        head ??= batchHead(runs, headSize);
        target.set(head.subarray(from, from + headPart), to);
      }
      const rest = { from: Math.max(0, from - headSize), to: to + headPart, size: size - headPart };
      if (showsPages) fillPages(target, rest, recipe, runs, wanted);
      else target.fill(0, rest.to, rest.to + rest.size);
    },
  };
}

/** The batch before its pages: it follows from the addresses. */
function batchHead(runs: readonly PageRun[], size: number): Uint8Array {
  const head = new Uint8Array(size);
  putPagesHeader(head, runs);
  return head;
}

/** @param stretch of the pages of the runs */
function fillPages(
  target: Uint8Array,
  stretch: Stretch,
  recipe: Recipe,
  runs: readonly PageRun[],
  wanted: WantedPages,
): void {
  const stretchEnd = stretch.from + stretch.size;
  let start = 0;
  for (const { chunk, firstPage, pages } of runs) {
    if (start >= stretchEnd) return;
    const end = start + pages * PAGE_SIZE;
    const from = Math.max(stretch.from, start);
    const size = Math.min(stretchEnd, end) - from;
    if (size > 0) {
      const to = stretch.to + from - stretch.from;
      if (chunk === ZERO_PAGES) target.fill(0, to, to + size);
      else wanted.add(recipe.chunks[chunk]!, { from: firstPage * PAGE_SIZE + from - start, to, size });
    }
    start = end;
  }
}
