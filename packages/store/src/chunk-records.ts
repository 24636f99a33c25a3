import { CkptError } from '@ckptree/errors';
import type { ObjectBackend, OpenObject } from './backend/object-backend.js';
import type { ChunkSettings } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import { isDamage, isGone } from './faults.js';
import { type ChunkIndex, LOOKS } from './index/chunk-index.js';
import type { ChunkPlace } from './index/chunk-place.js';
import { packName } from './pack/pack-reader.js';

/** Records of chunks in open packs: whoever has this can read them, whatever a garbage collector does meanwhile. */
export interface ChunkRecords {
  readonly settings: ChunkSettings;
  /** Host descriptors, and the packs' names for messages. */
  readonly packs: readonly { readonly fd: number; readonly name: string }[];
  /** For each chunk that was asked for a triple (index into `packs`, offset, length). */
  readonly places: Float64Array;
  close(): Promise<void>;
}

/** Chunks that are looked for at once. */
const LOOKUPS = 4096;
/** Packs that are opened at once. */
const LANES = 16;

export interface RecordParts {
  readonly backend: ObjectBackend;
  readonly index: ChunkIndex;
  readonly settings: ChunkSettings;
}

/**
 * Finds chunks and opens the packs that hold them.
 * @returns undefined when the objects of this backend are no files
 * @throws EIO a chunk is missing; EMFILE too many packs
 */
export async function openRecords(
  parts: RecordParts,
  chunks: readonly ChunkId[],
): Promise<ChunkRecords | undefined> {
  if (parts.backend.open === undefined) return undefined;
  for (let look = 1; ; look++) {
    try {
      return await tryToOpen(parts, chunks);
    } catch (error) {
      // As in ChunkReader.record(): packs came after we looked, or were given up by a collector, which copied what is needed.
      const isElsewhere = isGone(error) ? look < LOOKS : isDamage(error) && look <= 2;
      if (!isElsewhere) throw error;
      await parts.index.refresh();
    }
  }
}

async function tryToOpen(
  { backend, index, settings }: RecordParts,
  chunks: readonly ChunkId[],
): Promise<ChunkRecords> {
  const found = await findAll(index, chunks);
  const names = [...new Set(found.map(({ pack }) => pack))].map(packName);
  const objects = await openAll(names, (name) => backend.open!(name));
  const numbers = new Map(names.map((name, number) => [name, number]));
  const places = new Float64Array(chunks.length * 3);
  for (const [chunk, { pack, offset, length }] of found.entries())
    places.set([numbers.get(packName(pack))!, offset, length], chunk * 3);
  return {
    settings,
    packs: objects.map(({ fd }, number) => ({ fd, name: names[number]! })),
    places,
    close: () => closeAll(objects),
  };
}

async function findAll(index: ChunkIndex, chunks: readonly ChunkId[]): Promise<ChunkPlace[]> {
  const found = new Array<ChunkPlace>(chunks.length);
  const order = [...chunks.keys()].sort((a, b) => (chunks[a]! < chunks[b]! ? -1 : 1));
  for (let first = 0; first < order.length; first += LOOKUPS) {
    const group = order.slice(first, first + LOOKUPS);
    const places = await index.findAll(group.map((chunk) => chunks[chunk]!));
    for (const [position, place] of places.entries()) {
      const chunk = group[position]!;
      if (place === undefined)
        throw new CkptError('EIO', `chunk ${chunks[chunk]} is missing: no pack holds it`);
      found[chunk] = place;
    }
  }
  return found;
}

/** @throws what opening one of them throws; then none is open */
async function openAll(
  names: readonly string[],
  open: (name: string) => Promise<OpenObject>,
): Promise<OpenObject[]> {
  const opened: OpenObject[] = [];
  for (let first = 0; first < names.length; first += LANES) {
    const results = await Promise.allSettled(names.slice(first, first + LANES).map(open));
    for (const result of results) if (result.status === 'fulfilled') opened.push(result.value);
    const failed = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed === undefined) continue;
    await closeAll(opened);
    throw failed.reason;
  }
  return opened;
}

async function closeAll(objects: readonly OpenObject[]): Promise<void> {
  for (const object of objects) await object.close();
}
