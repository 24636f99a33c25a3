import { CkptError, isCkptError } from '@ckptree/errors';
import type { ObjectBackend, OpenObject } from './backend/object-backend.js';
import type { ChunkSettings } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import type { ChunkIndex } from './index/chunk-index.js';
import type { ChunkPlace } from './index/chunk-place.js';
import type { PackId } from './pack/pack-format.js';
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

/** Chunks that are looked for at the same time. */
const LANES = 64;

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
  try {
    return await tryToOpen(parts, chunks);
  } catch (error) {
    // Packs that came after we looked, or were given up by a garbage collector: it has copied what is needed.
    if (!isCkptError(error) || !['ENOENT', 'EIO'].includes(error.code)) throw error;
    await parts.index.refresh();
    return tryToOpen(parts, chunks);
  }
}

async function tryToOpen(
  { backend, index, settings }: RecordParts,
  chunks: readonly ChunkId[],
): Promise<ChunkRecords> {
  const opened = new Map<PackId, { readonly number: number; readonly object: OpenObject }>();
  const close = async (): Promise<void> => {
    for (const { object } of opened.values()) await object.close();
  };
  const places = new Float64Array(chunks.length * 3);
  try {
    let chunk = 0;
    for await (const { pack, offset, length } of findAll(index, chunks)) {
      let known = opened.get(pack);
      if (known === undefined) {
        known = { number: opened.size, object: await backend.open!(packName(pack)) };
        opened.set(pack, known);
      }
      places.set([known.number, offset, length], chunk++ * 3);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const packs = [...opened].map(([pack, { object }]) => ({ fd: object.fd, name: packName(pack) }));
  return { settings, packs, places, close };
}

async function* findAll(index: ChunkIndex, chunks: readonly ChunkId[]): AsyncIterable<ChunkPlace> {
  for (let first = 0; first < chunks.length; first += LANES) {
    const group = chunks.slice(first, first + LANES);
    const found = await Promise.all(group.map((id) => index.find(id)));
    for (const [position, place] of found.entries()) {
      if (place === undefined)
        throw new CkptError('EIO', `chunk ${group[position]} is missing: no pack holds it`);
      yield place;
    }
  }
}
