import { at } from '@ckptree/errors';
import type { ObjectBackend, ObjectInfo } from '../backend/object-backend.js';
import type { ContentHash } from '../content-hash.js';
import { KIND, objectId, objectName } from '../layout.js';
import {
  checkPackHeader,
  decodeTrailer,
  PACK_FOOTER_SIZE,
  PACK_HEADER_SIZE,
  type PackEntry,
  type PackId,
  trailerRange,
} from './pack-format.js';

const PACK_NAME = /^packs\/[0-9a-f]{32}$/;

/** The packs that there are, with their sizes. Other names are nobody's packs. @param remembers as for list() */
export async function listPacks(backend: ObjectBackend, remembers = false): Promise<Map<PackId, ObjectInfo>> {
  const objects = await backend.list(KIND.packs, remembers);
  return new Map(
    objects.filter(({ name }) => PACK_NAME.test(name)).map((info) => [objectId(info.name), info]),
  );
}

export const packName = (id: PackId): string => objectName(KIND.packs, id);

/**
 * The chunks of a pack, by its trailer.
 * @param size bytes of the pack
 * @throws EIO header, trailer or footer is damaged; ENOENT there is no such pack
 */
export async function readPackEntries(
  backend: ObjectBackend,
  id: PackId,
  size: number,
  hash: ContentHash,
): Promise<PackEntry[]> {
  const name = packName(id);
  try {
    const footer = Buffer.from(
      await backend.read(name, Math.max(0, size - PACK_FOOTER_SIZE), PACK_FOOTER_SIZE),
    );
    const { position, length } = trailerRange(id, footer, size);
    const trailer = Buffer.from(await backend.read(name, position, length));
    const entries = decodeTrailer(id, trailer, footer, hash);
    checkPackHeader(id, await backend.read(name, 0, PACK_HEADER_SIZE));
    return entries;
  } catch (error) {
    throw at(error, { path: name });
  }
}
