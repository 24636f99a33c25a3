import { CkptError } from '@ckptree/errors';
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

/** Recipes of an image that are kept in memory. */
const KEPT_SEGMENTS = 8;

type OpenRecords = (chunks: readonly ChunkId[]) => Promise<ChunkRecords | undefined>;

/** A piece of an image: literal bytes, or a batch of pages. */
interface Piece {
  /** Byte position in the image, and bytes. */
  readonly position: number;
  readonly size: number;
  /** The chunks that fill() needs for `length` bytes. */
  chunks(from: number, length: number): readonly ChunkId[];
  /** Copies bytes `from` to `from + target.length` of the piece. */
  fill(target: Uint8Array, from: number): void | Promise<void>;
}

/** Some bytes of a piece. */
interface PieceStretch {
  readonly piece: Piece;
  readonly from: number;
  readonly length: number;
  /** Those that it needs. */
  readonly chunks: readonly ChunkId[];
}

/** Chunks that are read and unpacked before they are needed: fewer than are kept, or they would be gone again by then. */
const AHEAD = 16;

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
    const stretches = await this.#stretchesIn(position, end);
    let [done, prepared, ahead] = [0, 0, 0];
    for (const { piece, from, length, chunks } of stretches) {
      if (ahead <= AHEAD / 2) {
        const wanted: ChunkId[] = [];
        for (; prepared < stretches.length && (ahead === 0 || ahead < AHEAD); prepared++) {
          wanted.push(...stretches[prepared]!.chunks.slice(0, AHEAD));
          ahead += stretches[prepared]!.chunks.length;
        }
        this.#chunks.prepare(wanted);
      }
      await piece.fill(target.subarray(done, done + length), from);
      done += length;
      ahead -= chunks.length;
    }
    return target.subarray(0, done);
  }

  /** What a stretch of the image is made of. */
  async #stretchesIn(position: number, end: number): Promise<PieceStretch[]> {
    const stretches: PieceStretch[] = [];
    for (let done = position; done < end; ) {
      const segment = this.#segments[lastAtOrBefore(this.#segments, done)]!;
      const pieces = await this.#piecesOf(segment);
      const until = Math.min(end, segment.position + segment.size);
      for (let index = lastAtOrBefore(pieces, done); done < until; index++) {
        const piece = pieces[index]!;
        const length = Math.min(until, piece.position + piece.size) - done;
        const from = done - piece.position;
        stretches.push({ piece, from, length, chunks: piece.chunks(from, length) });
        done += length;
      }
    }
    return stretches;
  }

  #piecesOf(segment: ManifestSegment): Promise<readonly Piece[]> {
    let pieces = this.#pieces.get(segment);
    if (pieces === undefined) {
      pieces = readRecipe(this.#chunks, segment).then((recipe) =>
        piecesOf(recipe, segment.position, this.#showsPages ? this.#chunks : undefined),
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

/** @param chunks hold the pages; without them, pages read as zeros */
function piecesOf(recipe: Recipe, start: number, chunks: ChunkReader | undefined): Piece[] {
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
    add(batchPiece(position, recipe, runsOf(recipe, batch), chunks));
  }
  add(literalPiece(position, recipe.literals.subarray(literalsDone)));
  return pieces;
}

const literalPiece = (position: number, bytes: Uint8Array): Piece => ({
  position,
  size: bytes.length,
  chunks: () => [],
  fill: (target, from) => target.set(bytes.subarray(from, from + target.length)),
});

function batchPiece(
  position: number,
  recipe: Recipe,
  runs: readonly PageRun[],
  chunks: ChunkReader | undefined,
): Piece {
  const pages = pagesOf(runs);
  const headSize = batchHeadSize(pages);
  let head: Uint8Array | undefined;
  return {
    position,
    size: batchSize(pages),
    chunks: (from, length) =>
      chunks === undefined
        ? []
        : chunksOf(recipe, runs, Math.max(0, from - headSize), length - Math.max(0, headSize - from)),
    async fill(target, from) {
      const headPart = Math.max(0, Math.min(target.length, headSize - from));
      if (headPart === headSize) putPagesHeader(target.subarray(0, headSize), runs);
      else if (headPart > 0) {
        // Read in parts, it comes in two or three.
        head ??= batchHead(runs, headSize);
        target.set(head.subarray(from, from + headPart));
      }
      const rest = target.subarray(headPart);
      if (chunks === undefined) rest.fill(0);
      else if (rest.length > 0) await fillPages(rest, recipe, runs, Math.max(0, from - headSize), chunks);
    },
  };
}

/** The batch before its pages: it follows from the addresses. */
function batchHead(runs: readonly PageRun[], size: number): Uint8Array {
  const head = new Uint8Array(size);
  putPagesHeader(head, runs);
  return head;
}

/** @param from byte position within the pages of the runs */
async function fillPages(
  target: Uint8Array,
  recipe: Recipe,
  runs: readonly PageRun[],
  from: number,
  chunks: ChunkReader,
): Promise<void> {
  let start = 0;
  for (const { chunk, firstPage, pages } of runs) {
    const size = pages * PAGE_SIZE;
    const begin = Math.max(from, start);
    const end = Math.min(from + target.length, start + size);
    if (begin < end) {
      const part = target.subarray(begin - from, end - from);
      if (chunk === ZERO_PAGES) part.fill(0);
      else
        await chunks.use(recipe.chunks[chunk]!, (content) =>
          copyPages(part, content, firstPage * PAGE_SIZE + begin - start),
        );
    }
    start += size;
    if (start >= from + target.length) return;
  }
}

/** All chunks that are needed, so that several are read and unpacked at the same time. */
function chunksOf(recipe: Recipe, runs: readonly PageRun[], from: number, length: number): ChunkId[] {
  const wanted = new Set<ChunkId>();
  let start = 0;
  for (const { chunk, pages } of runs) {
    const size = pages * PAGE_SIZE;
    if (start >= from + length) break;
    if (chunk !== ZERO_PAGES && start + size > from) wanted.add(recipe.chunks[chunk]!);
    start += size;
  }
  return [...wanted];
}

function copyPages(target: Uint8Array, content: Uint8Array, from: number): void {
  if (from + target.length > content.length)
    throw new CkptError('EBADMSG', 'a recipe of the checkpoint names pages behind the end of a chunk');
  target.set(content.subarray(from, from + target.length));
}
