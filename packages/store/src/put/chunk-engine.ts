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

/** The heavy part of a store: hashing, compressing, encrypting, and back. */
export interface ChunkEngine {
  /** How many buffers it can work on at once. */
  readonly lanes: number;
  /** So many bytes are about to come: what would have to be started for them is, meanwhile. */
  prepare(bytes: number): void;
  /** Reads pages, closes them up and hashes them. Nobody may touch the slab until it resolves. @throws as scanSlab() */
  scan(pages: SlabPages): Promise<SlabScan>;
  /**
   * Makes the records of all contents, one behind the other in `target`; see recordsOf(). What is in shared memory is read there,
   * by threads, and must not change until it resolves.
   * @param ids    of them, HASH_SIZE bytes each
   * @param target of sealedSize() bytes at least; in shared memory when the contents are
   */
  seal(contents: Contents, ids: Uint8Array, target: Uint8Array): Promise<Sealed>;
  /** As seal(), of contents whose ids are not known: for what is most likely new. */
  record(contents: Contents, target: Uint8Array): Promise<Recorded>;
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

/** Of chunks, in whatever memory they are. */
export type Contents = readonly Uint8Array[];

/** The records of contents. */
export interface Sealed {
  readonly lengths: Uint32Array;
  /** For each, whether its payload is the content as it is (1): then only its header is in the target. */
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

/** Bytes of all contents together. */
export const contentsSize = (contents: Contents): number =>
  contents.reduce((size, { length }) => size + length, 0);

/** Bytes that the records of contents may take. */
export const sealedSize = (contents: Contents): number =>
  contentsSize(contents) + contents.length * RECORD_OVERHEAD;

/** What does not pay to compress is not copied, either: that takes longer than hashing it. */
export function sealContents(
  settings: ChunkSettings,
  contents: Contents,
  ids: Uint8Array,
  target: Uint8Array,
): Sealed {
  const lengths = new Uint32Array(contents.length);
  const plain = new Uint8Array(contents.length);
  let at = 0;
  for (const [index, content] of contents.entries()) {
    const id = ids.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE);
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

export function recordContents(settings: ChunkSettings, contents: Contents, target: Uint8Array): Recorded {
  const hash = contentHash(settings.idKey);
  const ids = new Uint8Array(contents.length * HASH_SIZE);
  for (const [index, content] of contents.entries()) ids.set(hash.digest(content), index * HASH_SIZE);
  return { ids, ...sealContents(settings, contents, ids, target) };
}

/** The records that were made of contents: views of these and of `target`. */
export function recordsOf(contents: Contents, target: Uint8Array, { lengths, plain }: Sealed): ChunkRecord[] {
  let at = 0;
  return contents.map((content, index) => {
    const header = target.subarray(at, at + CHUNK_HEADER_SIZE);
    at += CHUNK_HEADER_SIZE;
    if (plain[index] === 1) return { header, payload: content };
    const payload = target.subarray(at, at + lengths[index]! - CHUNK_HEADER_SIZE);
    at += payload.length;
    return { header, payload };
  });
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
    seal: async (contents, ids, target) => sealContents(settings, contents, ids, target),
    record: async (contents, target) => recordContents(settings, contents, target),
    open: async (id, record, target) => openChunk(settings, id, record, target),
    openAll: async (source, records) => openAllInto(settings, reader, source, records),
    close: async () => undefined,
  };
}
