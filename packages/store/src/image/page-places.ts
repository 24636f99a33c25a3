import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import type { ChunkReader } from '../chunk-reader.js';
import type { ChunkId } from '../content-hash.js';
import type { ManifestSegment } from './manifest.js';
import { ZERO_PAGES } from './page-runs.js';
import { readRecipes } from './read-recipe.js';
import { batchHeadSize, type MemoryVersion, type Recipe } from './recipe.js';

/** Which chunks hold pages, for those who fetch chunks themselves. */
export interface PagePlaces {
  /** Each once. */
  readonly chunks: readonly ChunkId[];
  /**
   * For each list of runs that was asked for, quads (address, index into `chunks`, first page in the chunk, pages), in
   * the order of the runs. An index below 0: the pages are zeros, which no chunk holds.
   */
  readonly pieces: readonly Float64Array[];
  /** For each list, what version of a memory its pages are; undefined where that is not known. */
  readonly versions: readonly (MemoryVersion | undefined)[];
}

/** Stands for the index of a chunk. */
const NO_CHUNK = -1;

/** A segment's runs of pages: where each begins in the image, and whose it is. */
interface SegmentPages {
  readonly recipe: Recipe;
  readonly positions: Float64Array;
  /** Indexes of owners. */
  readonly owners: Uint32Array;
}

/** The pages of a list, as they are found. */
interface Found {
  readonly pieces: number[];
  /** What all of them are of. */
  version: MemoryVersion | undefined;
}

/**
 * Finds the chunks of pages by the pages' positions in the image.
 * @param lists triples (address, position, pages), as the image's structure tells them; positions ascend over all lists
 * @throws EBADMSG no pages stand there; what reading recipes throws
 */
export async function locatePages(
  segments: readonly ManifestSegment[],
  chunks: ChunkReader,
  lists: readonly Float64Array[],
): Promise<PagePlaces> {
  const numbers = new Map<ChunkId, number>();
  const found: Found[] = lists.map(() => ({ pieces: [], version: undefined }));
  let list = 0;
  let run = 0;
  let segment = 0;
  for await (const recipe of readRecipes(chunks, segments)) {
    const { position: start, size } = segments[segment++]!;
    const pages = positionsOf(recipe, start);
    for (; list < lists.length; list++, run = 0) {
      const runs = lists[list]!;
      for (; run < runs.length && runs[run + 1]! < start + size; run += 3)
        addPieces(found[list]!, numbers, pages, runs[run]!, runs[run + 1]!, runs[run + 2]!);
      // The rest is in the next segment.
      if (run < runs.length) break;
    }
  }
  if (list < lists.length) throw noPage(lists[list]![run + 1]!);
  return {
    chunks: [...numbers.keys()],
    pieces: found.map(({ pieces }) => Float64Array.from(pieces)),
    versions: found.map(({ version }) => version),
  };
}

const noPage = (position: number): CkptError =>
  new CkptError('EBADMSG', `the recipe of the image has no page at byte ${position}`, { position });

function positionsOf(recipe: Recipe, start: number): SegmentPages {
  const positions = new Float64Array(recipe.runs.length);
  const owners = new Uint32Array(recipe.runs.length);
  let position = start;
  let literalsDone = 0;
  for (const batch of recipe.batches) {
    const { literalsBefore, owner, firstRun, runs } = batch;
    position += literalsBefore - literalsDone + batchHeadSize(recipe.runs.pagesIn(batch));
    literalsDone = literalsBefore;
    for (let run = firstRun; run < firstRun + runs; run++) {
      positions[run] = position;
      owners[run] = owner;
      position += recipe.runs.pages[run]! * PAGE_SIZE;
    }
  }
  return { recipe, positions, owners };
}

function addPieces(
  found: Found,
  numbers: Map<ChunkId, number>,
  { recipe, positions, owners }: SegmentPages,
  address: number,
  position: number,
  pages: number,
): void {
  let run = lastAtOrBefore(positions, position);
  // Pages that follow on each other are of one batch, which has one owner.
  const version = recipe.owners[owners[run] ?? 0]?.version;
  if (found.pieces.length === 0) found.version = version;
  else if (!isSame(found.version, version)) found.version = undefined;
  for (let done = 0; done < pages; run++) {
    const { chunk, firstPage, pages: inRun } = run < recipe.runs.length ? recipe.runs.at(run) : NO_RUN;
    const skipped = (position + done * PAGE_SIZE - (positions[run] ?? 0)) / PAGE_SIZE;
    if (!(Number.isInteger(skipped) && skipped >= 0 && skipped < inRun))
      throw noPage(position + done * PAGE_SIZE);
    const count = Math.min(inRun - skipped, pages - done);
    const number = chunk === ZERO_PAGES ? NO_CHUNK : numberOf(numbers, recipe.chunks[chunk]!);
    found.pieces.push(address + done * PAGE_SIZE, number, firstPage + skipped, count);
    done += count;
  }
}

const isSame = (one: MemoryVersion | undefined, other: MemoryVersion | undefined): boolean =>
  one?.incarnation === other?.incarnation && one?.epoch === other?.epoch;

const NO_RUN = { chunk: ZERO_PAGES, firstPage: 0, pages: 0 };

function numberOf(numbers: Map<ChunkId, number>, id: ChunkId): number {
  const known = numbers.get(id);
  if (known !== undefined) return known;
  numbers.set(id, numbers.size);
  return numbers.size - 1;
}

/** Index of the last position that is not behind `position`; 0 when all are. */
function lastAtOrBefore(positions: Float64Array, position: number): number {
  let [low, high] = [0, positions.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (positions[middle]! <= position) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}
