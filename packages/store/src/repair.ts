import { isCkptError } from '@ckptree/errors';
import type { ObjectBackend, ObjectInfo } from './backend/object-backend.js';
import { CHUNK_HEADER_SIZE, decodeChunkHeader, findChunkHeader, openChunk, recordLength } from './chunk.js';
import { isDamage, isGone } from './faults.js';
import { listManifestIds, manifestName, readManifest } from './image/manifest.js';
import { checkIndex } from './index/index-file.js';
import { listKeys, unreadableKeys } from './keys.js';
import { KIND, objectName } from './layout.js';
import { Lease } from './lease.js';
import { PACK_HEADER_SIZE, PACK_SIZE_LIMIT, type PackId } from './pack/pack-format.js';
import { listPacks, packName, readPackEntries } from './pack/pack-reader.js';
import { ChunkWriter } from './put/chunk-writer.js';
import type { StoreContext } from './store-context.js';
import { type PackSurvey, surveyPacks } from './verify.js';

export interface RepairOptions {
  /** Told while all packs are read. */
  readonly onProgress?: (packs: number, of: number) => void;
  /** Ends it where it is, with the signal's reason; the next repair does what is left. */
  readonly signal?: AbortSignal;
}

export interface RepairReport {
  /** Objects that were moved to quarantine, by their old names. */
  readonly quarantined: readonly string[];
  /** Damaged indexes that were deleted; they hold nothing of their own. */
  readonly droppedIndexes: readonly string[];
  /** Chunks that were taken out of damaged packs. */
  readonly salvagedChunks: number;
  /** What could not be put right, and why. */
  readonly left: readonly string[];
}

/** Bytes of a pack without a table that are read at once. */
const SCAN_PIECE = 1024 * 1024;
/** Bytes that are copied at once. */
const COPY_PIECE = 8 * 1024 * 1024;

/**
 * Takes what is damaged out of the store and saves what is sound of it. Nothing is thrown away but indexes: damaged packs,
 * manifests and keys go to quarantine. Reads every byte. What is missing afterwards is missing for good; verify names it.
 */
export async function repairStore(context: StoreContext, options: RepairOptions = {}): Promise<RepairReport> {
  const { backend, owners, index } = context;
  const { signal } = options;
  const quarantined: string[] = [];
  const left: string[] = [];
  const move = async (name: string, size: number): Promise<void> => {
    signal?.throwIfAborted();
    const outcome = await quarantine(backend, lease, name, size);
    if (outcome === 'moved') quarantined.push(name);
    if (outcome === 'left') left.push(`${name} is too large to be moved; look at it and delete it`);
  };
  // What we salvage must stay until the damaged packs are gone.
  const lease = await Lease.take(backend, owners);
  const writer = new ChunkWriter(context);
  try {
    const { damagedPacks, findings, tables } = await surveyPacks(context, { ...options, readData: true });
    const droppedIndexes = await dropDamagedIndexes(context, tables);
    // As a collector does it: whoever looks from now on relies on nothing in these packs, and copies what is needed of them.
    for (const pack of damagedPacks) await backend.put(objectName(KIND.condemned, pack), []);
    await index.refresh();
    const isTakenOut = new Set([...damagedPacks].map(packName));
    for (const { object, message } of findings) if (!isTakenOut.has(object)) left.push(message);
    const packs = await listPacks(backend);
    // A collector may have given up others meanwhile.
    const damaged = [...packs].filter(([pack]) => damagedPacks.has(pack));
    for (const [pack, { size }] of damaged) {
      signal?.throwIfAborted();
      await salvage(context, writer, pack, size);
    }
    await writer.flush();
    for (const [pack, { name, size }] of damaged) {
      await move(name, size);
      await backend.delete(objectName(KIND.condemned, pack));
    }
    for (const { name, size } of await damagedDocuments(context)) await move(name, size);
    await index.refresh();
    await index.publish(true);
    return { quarantined, droppedIndexes, salvagedChunks: writer.written.chunks, left };
  } finally {
    await writer.close();
    await lease.release();
  }
}

async function dropDamagedIndexes(
  { backend, hash, index }: StoreContext,
  tables: PackSurvey['tables'],
): Promise<string[]> {
  const dropped: string[] = [];
  for (const object of await backend.list(KIND.index)) {
    try {
      await checkIndex(backend, object, hash, tables);
    } catch (error) {
      if (isGone(error)) continue; // another has replaced it
      if (!isDamage(error)) throw error;
      await backend.delete(object.name);
      dropped.push(object.name);
    }
  }
  if (dropped.length > 0) await index.rebuild();
  return dropped;
}

/** Copies every sound chunk of a damaged pack that no other pack has to stay. */
async function salvage(
  context: StoreContext,
  writer: ChunkWriter,
  pack: PackId,
  size: number,
): Promise<void> {
  const { backend, settings } = context;
  try {
    for await (const record of soundLookingRecords(context, pack, size)) {
      const { id } = decodeChunkHeader(record)!;
      if (await writer.has(id)) continue;
      try {
        openChunk(settings, id, record);
      } catch (error) {
        if (!isCkptError(error)) throw error;
        continue; // this one is lost
      }
      await writer.addRecord(record);
    }
  } catch (error) {
    if (!isGone(error) || (await listPacks(backend)).has(pack)) throw error;
  }
}

/** The records of a pack: by its table, or when that is damaged too, one after the other as far as they can be told. */
async function* soundLookingRecords(
  { backend, hash }: StoreContext,
  pack: PackId,
  size: number,
): AsyncIterable<Uint8Array> {
  const name = packName(pack);
  const places = await readPackEntries(backend, pack, size, hash).catch((error: unknown) => {
    if (!isDamage(error)) throw error;
    return undefined;
  });
  if (places !== undefined) {
    for (const entry of places) {
      const record = await backend.read(name, entry.offset, recordLength(entry));
      const header = decodeChunkHeader(record);
      if (header !== undefined && recordLength(header) === record.length) yield record;
    }
    return;
  }
  yield* recordsWithoutTable(backend, name, size);
}

/** Whatever looks like a record. Reads each byte once: memory holds a record at most, and a piece. */
async function* recordsWithoutTable(
  backend: ObjectBackend,
  name: string,
  size: number,
): AsyncIterable<Uint8Array> {
  let window: Uint8Array = new Uint8Array();
  let position = PACK_HEADER_SIZE;
  for (;;) {
    const found = findChunkHeader(window);
    const end = found === undefined ? Number.POSITIVE_INFINITY : found.at + recordLength(found.header);
    if (end > window.length && position < size) {
      // Without a header: the last bytes may be the beginning of one.
      const rest = window.subarray(found?.at ?? Math.max(0, window.length - CHUNK_HEADER_SIZE + 1));
      window = Buffer.concat([rest, await backend.read(name, position, SCAN_PIECE)]);
      position += SCAN_PIECE;
      continue;
    }
    if (found === undefined) return;
    if (end <= window.length) yield window.subarray(found.at, end);
    // Not behind the record: its lengths may be what is damaged.
    window = window.subarray(found.at + CHUNK_HEADER_SIZE);
  }
}

async function damagedDocuments(context: StoreContext): Promise<ObjectInfo[]> {
  const { backend, documentKey } = context;
  const damaged = new Set<string>();
  for (const id of await listManifestIds(backend)) {
    try {
      await readManifest(backend, id, documentKey);
    } catch (error) {
      if (isDamage(error)) damaged.add(manifestName(id));
      else if (!isGone(error)) throw error;
    }
  }
  const keys = await unreadableKeys(context);
  // The last key stays where it is, damaged or not.
  if ((await listKeys(context)).length > 0)
    for (const { id, error } of keys) if (isDamage(error)) damaged.add(objectName(KIND.keys, id));
  const objects = [...(await backend.list(KIND.manifests)), ...(await backend.list(KIND.keys))];
  return objects.filter(({ name }) => damaged.has(name));
}

/**
 * Copies, then deletes.
 * @param lease keeps what was saved of it, and the copies elsewhere that made saving needless
 * @returns `left` when it is larger than anything that belongs into a store, `gone` when it was deleted
 * @throws ETIMEDOUT others may have collected those by now
 */
async function quarantine(
  backend: ObjectBackend,
  lease: Lease,
  name: string,
  size: number,
): Promise<'moved' | 'left' | 'gone'> {
  if (size > PACK_SIZE_LIMIT) return 'left';
  try {
    await copy(backend, name, size, objectName(KIND.quarantine, name.replace('/', '-')));
  } catch (error) {
    if (isGone(error)) return 'gone';
    throw error;
  }
  await lease.check();
  await backend.delete(name);
  return 'moved';
}

/** Piece by piece where the backend takes an object so; one that takes them whole is given it whole. */
async function copy(backend: ObjectBackend, from: string, size: number, to: string): Promise<void> {
  const draft = await backend.draft?.(to);
  const parts: Uint8Array[] = [];
  try {
    for (let at = 0; at < size; at += COPY_PIECE) {
      const piece = await backend.read(from, at, Math.min(COPY_PIECE, size - at));
      if (draft === undefined) parts.push(piece);
      else await draft.write(piece);
    }
    if (draft === undefined) await backend.put(to, parts);
    else await draft.commit();
  } finally {
    await draft?.close();
  }
}
