import type { ByteSource, Mm, StoredPages } from '@ckptree/model';
import type { PagePlaces, StoredImage } from '@ckptree/store';
import type { ChunkOrigin } from './load-plan.js';
import type { Versions } from './loaded-tree.js';
import { type PageSpace, ZERO_PAGES } from './page-space.js';

/** Pages in a store. */
export interface LocatedInStore {
  readonly versions: Versions;
  /** Absent when the store's packs are no files. */
  readonly chunks?: LocatedInChunks;
}

/** Pages in chunks of packs that are open. */
export interface LocatedInChunks {
  readonly space: PageSpace;
  readonly origin: ChunkOrigin;
  readonly close: () => Promise<void>;
}

/** Whether a source is an image of a store: its pages are in chunks. */
export const isStoredImage = (source: ByteSource): source is StoredImage =>
  'locate' in source && 'openRecords' in source;

/**
 * The pages of address spaces that are in chunks, each of them once: what tasks have in common, and what a task has twice,
 * is in the store but once.
 * @throws EIO a chunk is missing; EBADMSG the recipes do not fit the image
 */
export async function locateInStore(
  image: StoredImage,
  mms: readonly Mm<StoredPages>[],
): Promise<LocatedInStore> {
  const places = await image.locate(mms.map(({ memory }) => memory.runs));
  const records = await image.openRecords(places.chunks);
  const versions: Versions = new Map(mms.map((mm, index) => [mm, places.versions[index]]));
  if (records === undefined) return { versions };
  const { settings, packs, places: recordPlaces, close } = records;
  const origin = { kind: 'chunks', settings, packs, records: recordPlaces, ids: places.chunks } as const;
  return { versions, chunks: { space: spaceOf(places, mms), origin, close } };
}

/** A unit is a chunk: what is fetched and unpacked at once. */
function spaceOf({ chunks, pieces }: PagePlaces, mms: readonly Mm<StoredPages>[]): PageSpace {
  const firstPage = firstPages(chunks.length, pieces);
  const count = firstPage.at(-1)!;
  const needed = new Uint8Array(count);
  /** Number behind the last piece, as long as each piece begins where the last one ends. */
  let inOrder = 0;
  const numbered = pieces.map((quads) => {
    const triples = new Float64Array((quads.length / 4) * 3);
    for (let piece = 0; piece < quads.length / 4; piece++) {
      const [address, chunk, first, pages] = quads.subarray(piece * 4, piece * 4 + 4) as Quad;
      const number = chunk < 0 ? ZERO_PAGES : firstPage[chunk]! + first;
      if (chunk >= 0) {
        needed.fill(1, number, number + pages);
        inOrder = number === inOrder ? number + pages : Number.NaN;
      }
      triples.set([address, number, pages], piece * 3);
    }
    return triples;
  });
  const byMm = new Map(mms.map((mm, index) => [mm, numbered[index]!]));
  // All of them once: as a checkpoint is that shares nothing with others.
  return inOrder === count ? { firstPage, pieces: byMm } : { firstPage, pieces: byMm, needed };
}

type Quad = Float64Array & readonly [number, number, number, number];

/** Each chunk gets numbers for its pages up to the last one that is needed. */
function firstPages(chunks: number, pieces: readonly Float64Array[]): Int32Array {
  const firstPage = new Int32Array(chunks + 1);
  for (const quads of pieces)
    for (let piece = 0; piece < quads.length; piece += 4) {
      const behind = quads[piece + 1]! + 1;
      firstPage[behind] = Math.max(firstPage[behind] ?? 0, quads[piece + 2]! + quads[piece + 3]!);
    }
  firstPage[0] = 0;
  for (let chunk = 0; chunk < chunks; chunk++) firstPage[chunk + 1]! += firstPage[chunk]!;
  return firstPage;
}
