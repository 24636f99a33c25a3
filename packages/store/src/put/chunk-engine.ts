import { type ChunkSettings, openChunk, sealChunk } from '../chunk.js';
import { type ChunkId, contentHash, HASH_SIZE } from '../content-hash.js';

/** Stretches of a buffer: pairs (start, end), in bytes. */
export type Ranges = Uint32Array;

/** The heavy part of a store: hashing, compressing, encrypting, and back. */
export interface ChunkEngine {
  /** How many buffers it can work on at once. */
  readonly lanes: number;
  /** The ids of all ranges, HASH_SIZE bytes each. `bytes` must not change until it resolves. */
  digest(bytes: Uint8Array, ranges: Ranges): Promise<Uint8Array>;
  /** The records of all ranges. @param ids as digest() gave them */
  seal(bytes: Uint8Array, ranges: Ranges, ids: Uint8Array): Promise<Uint8Array[]>;
  /** The content of a chunk, checked. It may take `record` away. @throws EIO as openChunk() */
  open(id: ChunkId, record: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export function digestRanges(settings: ChunkSettings, bytes: Uint8Array, ranges: Ranges): Uint8Array {
  const hash = contentHash(settings.idKey);
  const ids = new Uint8Array((ranges.length / 2) * HASH_SIZE);
  for (let index = 0; index < ranges.length; index += 2)
    ids.set(hash.digest(bytes.subarray(ranges[index], ranges[index + 1])), (index / 2) * HASH_SIZE);
  return ids;
}

/** The records, one behind the other in a buffer of their own. */
export function sealRanges(
  settings: ChunkSettings,
  bytes: Uint8Array,
  ranges: Ranges,
  ids: Uint8Array,
): Uint8Array<ArrayBuffer>[] {
  const parts = Array.from({ length: ranges.length / 2 }, (_, index) => {
    const id = ids.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
    return sealChunk(settings, id, bytes.subarray(ranges[2 * index], ranges[2 * index + 1]));
  });
  const lengths = parts.map(({ header, payload }) => header.length + payload.length);
  const buffer = new ArrayBuffer(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  return parts.map(({ header, payload }, index) => {
    const record = new Uint8Array(buffer, at, lengths[index]);
    record.set(header);
    record.set(payload, header.length);
    at += record.length;
    return record;
  });
}

/** In the calling thread: for what is too small to be worth a message to another. */
export const inlineEngine = (settings: ChunkSettings): ChunkEngine => ({
  lanes: 1,
  digest: async (bytes, ranges) => digestRanges(settings, bytes, ranges),
  seal: async (bytes, ranges, ids) => sealRanges(settings, bytes, ranges, ids),
  open: async (id, record) => openChunk(settings, id, record),
  close: async () => undefined,
});
