import {
  CHUNK_HEADER_SIZE,
  type ChunkRecord,
  type ChunkSettings,
  openChunk,
  RECORD_OVERHEAD,
  sealChunk,
} from '../chunk.js';
import { type ChunkId, contentHash, HASH_SIZE } from '../content-hash.js';
import { type FileStretch, StretchReader } from '../stretch-reader.js';
import { type SlabPages, type SlabScan, scanSlab } from './scan-slab.js';

/** Stretches of a buffer: pairs (start, end), in bytes. */
export type Ranges = Uint32Array;

/** The heavy part of a store: hashing, compressing, encrypting, and back. */
export interface ChunkEngine {
  /** How many buffers it can work on at once. */
  readonly lanes: number;
  /** So many bytes are about to come: what would have to be started for them is, meanwhile. */
  prepare(bytes: number): void;
  /** Reads pages, closes them up and hashes them. Nobody may touch the slab until it resolves. @throws as scanSlab() */
  scan(pages: SlabPages): Promise<SlabScan>;
  /**
   * Makes the records of all ranges, one behind the other in `target`; see recordsOf().
   * @param ids    of them, HASH_SIZE bytes each
   * @param target of sealedSize() bytes at least; in shared memory when `bytes` are
   */
  seal(bytes: Uint8Array, ranges: Ranges, ids: Uint8Array, target: Uint8Array): Promise<Sealed>;
  /** As seal(), of ranges whose ids are not known: for what is most likely new. `bytes` must not change until it resolves. */
  record(bytes: Uint8Array, ranges: Ranges, target: Uint8Array): Promise<Recorded>;
  /**
   * The content of a chunk, checked. It may take `record` away.
   * @param target of just its size, in shared memory: where it goes
   * @throws EIO as openChunk()
   */
  open(id: ChunkId, record: Uint8Array, target?: Uint8Array): Promise<Uint8Array>;
  /**
   * The contents of several chunks, checked, at the start of their targets.
   * @param source it may be taken away; a file is read by whatever thread does the work
   * @returns the size of each
   * @throws EIO one of them is damaged, or larger than its target; which, is told by opening each
   */
  openAll(source: RecordSource, records: readonly RecordPlace[]): Promise<Uint32Array>;
  close(): Promise<void>;
}

/** The records of ranges. */
export interface Sealed {
  readonly lengths: Uint32Array;
  /** For each, whether its payload is the range as it is (1): then only its header is in the target. */
  readonly plain: Uint8Array;
}

export interface Recorded extends Sealed {
  /** HASH_SIZE bytes each. */
  readonly ids: Uint8Array;
}

/** Records of chunks with what may lie between them. */
export type RecordSource = Uint8Array | FileStretch;

/** Where the record of a chunk is in its source, and where its content goes. */
export interface RecordPlace {
  readonly id: ChunkId;
  readonly start: number;
  readonly end: number;
  /** In shared memory; of its size at least. */
  readonly target: Uint8Array;
}

function digestRanges(settings: ChunkSettings, bytes: Uint8Array, ranges: Ranges): Uint8Array {
  const hash = contentHash(settings.idKey);
  const ids = new Uint8Array((ranges.length / 2) * HASH_SIZE);
  for (let index = 0; index < ranges.length; index += 2)
    ids.set(hash.digest(rangeAt(bytes, ranges, index / 2)), (index / 2) * HASH_SIZE);
  return ids;
}

/** Bytes that the records of ranges may take. */
export const sealedSize = (ranges: Ranges): number =>
  rangesSize(ranges) + (ranges.length / 2) * RECORD_OVERHEAD;

const rangeAt = (bytes: Uint8Array, ranges: Ranges, index: number): Uint8Array =>
  bytes.subarray(ranges[2 * index], ranges[2 * index + 1]);

/** Bytes of all ranges together. */
export function rangesSize(ranges: Ranges): number {
  let size = 0;
  for (let index = 0; index < ranges.length; index += 2) size += ranges[index + 1]! - ranges[index]!;
  return size;
}

/** What does not pay to compress is not copied, either: that takes longer than hashing it. */
export function sealRanges(
  settings: ChunkSettings,
  bytes: Uint8Array,
  ranges: Ranges,
  ids: Uint8Array,
  target: Uint8Array,
): Sealed {
  const lengths = new Uint32Array(ranges.length / 2);
  const plain = new Uint8Array(lengths.length);
  let at = 0;
  for (let index = 0; index < lengths.length; index++) {
    const id = ids.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
    const content = rangeAt(bytes, ranges, index);
    const { header, payload } = sealChunk(settings, id, content);
    lengths[index] = header.length + payload.length;
    target.set(header, at);
    at += header.length;
    if (payload === content) plain[index] = 1;
    else {
      target.set(payload, at);
      at += payload.length;
    }
  }
  return { lengths, plain };
}

/** The records that were made of ranges: views of `bytes` and `target`. */
export function recordsOf(
  bytes: Uint8Array,
  ranges: Ranges,
  target: Uint8Array,
  { lengths, plain }: Sealed,
): ChunkRecord[] {
  let at = 0;
  return Array.from(lengths, (length, index) => {
    const header = target.subarray(at, at + CHUNK_HEADER_SIZE);
    at += CHUNK_HEADER_SIZE;
    if (plain[index] === 1) return { header, payload: rangeAt(bytes, ranges, index) };
    const payload = target.subarray(at, at + length - CHUNK_HEADER_SIZE);
    at += payload.length;
    return { header, payload };
  });
}

export function recordRanges(
  settings: ChunkSettings,
  bytes: Uint8Array,
  ranges: Ranges,
  target: Uint8Array,
): Recorded {
  const ids = digestRanges(settings, bytes, ranges);
  return { ids, ...sealRanges(settings, bytes, ranges, ids, target) };
}

/** @param reader brings what is in a file. @returns the sizes of the contents */
export function openAllInto(
  settings: ChunkSettings,
  reader: StretchReader,
  source: RecordSource,
  records: readonly RecordPlace[],
): Uint32Array {
  const bytes = source instanceof Uint8Array ? source : reader.read(source);
  return Uint32Array.from(
    records,
    ({ id, start, end, target }) => openChunk(settings, id, bytes.subarray(start, end), target).length,
  );
}

/** In the calling thread: for what is too small to be worth a message to another. */
export function inlineEngine(settings: ChunkSettings): ChunkEngine {
  const reader = new StretchReader();
  return {
    lanes: 1,
    prepare: () => undefined,
    scan: async (pages) => scanSlab(settings, pages),
    seal: async (bytes, ranges, ids, target) => sealRanges(settings, bytes, ranges, ids, target),
    record: async (bytes, ranges, target) => recordRanges(settings, bytes, ranges, target),
    open: async (id, record, target) => openChunk(settings, id, record, target),
    openAll: async (source, records) => openAllInto(settings, reader, source, records),
    close: async () => undefined,
  };
}
