import { setTimeout as sleep } from 'node:timers/promises';
import { openChunk, recordLength } from './chunk.js';
import type { ChunkId } from './content-hash.js';
import { isSpoiled } from './faults.js';
import type { IdSet } from './id-set.js';
import { manifestName } from './image/manifest.js';
import { LOOKS } from './index/chunk-index.js';
import { condemnedId, KIND, objectId, objectName } from './layout.js';
import { Lease, type LeaseInfo, liveLeases } from './lease.js';
import { liveChunks } from './live-chunks.js';
import type { PackId } from './pack/pack-format.js';
import { listPacks, packName, readPackEntries } from './pack/pack-reader.js';
import { ChunkWriter } from './put/chunk-writer.js';
import type { StoreContext } from './store-context.js';

export interface GcOptions {
  /** A pack is rewritten when less than this share of it is needed. */
  readonly minLiveShare?: number;
  /** How long to wait for writers that began before; what is still held then is left to the next time. */
  readonly waitMs?: number;
  /** Change nothing; say what would be given back. */
  readonly dryRun?: boolean;
  /** Ends it where it is, with the signal's reason; what is not done is left to the next collection. */
  readonly signal?: AbortSignal;
}

export interface GcReport {
  /** Chunks that checkpoints need. */
  readonly liveChunks: number;
  readonly deletedPacks: readonly PackId[];
  /** Bytes of the deleted packs, and of what was written anew because it was still needed. */
  readonly freedBytes: number;
  readonly rewrittenBytes: number;
  /** Packs that are given up, and stay until writers have ended, or, when no writer is waited for, because something in them is damaged. */
  readonly waitingPacks: readonly PackId[];
  readonly waitingFor: readonly LeaseInfo[];
}

const POLL_MS = 50;
const MIN_LIVE_SHARE = 0.6;
/** Packs below this share of their usual size are put together, once there are so many. */
const SMALL_SHARE = 1 / 8;
const SMALL_PACKS = 16;

/**
 * No checkpoint has this id. To delete it makes sure that those which were not there any more stay away, also after a crash:
 * whoever forgot them may have died before that was sure.
 */
const NO_MANIFEST = manifestName('00000000t000000000-00000000');

/**
 * Gives back the space of chunks that no checkpoint needs. Safe beside any number of writers and other collectors, and
 * may die at any point; docs/store.md has the argument. In short: a pack is marked before it is given up, marks are never
 * taken back, and it is deleted only when all writers that may not have seen the mark have ended.
 */
export async function collectGarbage(context: StoreContext, options: GcOptions): Promise<GcReport> {
  const { backend, owners, index } = context;
  const { signal } = options;
  await backend.cleanUp?.();
  await index.refresh();
  const live = await liveChunks(context, signal);
  const condemned = await chooseCondemned(context, live, options);
  if (options.dryRun) return wouldBe(context, live, condemned, signal);
  for (const pack of condemned) {
    signal?.throwIfAborted();
    await backend.put(objectName(KIND.condemned, pack), []);
  }

  // Only now: a writer that is not in this list began later, and saw the marks.
  const before = await liveLeases(backend, owners);
  const waitingFor = await waitForEnd(context, before, options);
  if (waitingFor.length > 0) return waiting(context, live, condemned, waitingFor);
  return evacuateAndDelete(context, condemned, signal);
}

/** Packs to be given up. */
async function chooseCondemned(context: StoreContext, live: IdSet, options: GcOptions): Promise<PackId[]> {
  for (let look = 1; ; look++) {
    try {
      return await choose(context, live, options);
    } catch (error) {
      if (!isSpoiled(error) || look === LOOKS) throw error;
      await context.index.rebuild(); // a block of it is damaged, or somebody replaced it
    }
  }
}

/** Those marked already, and those of which too little is needed. */
async function choose(
  { index, packSize }: StoreContext,
  live: IdSet,
  { minLiveShare = MIN_LIVE_SHARE, signal }: GcOptions,
): Promise<PackId[]> {
  const liveBytes = new Map<PackId, number>();
  const covered = new Set<PackId>();
  let last = '';
  for await (const entries of index.entries()) {
    signal?.throwIfAborted();
    for (const { id, pack, length } of entries) {
      covered.add(pack);
      // Of several copies one is enough.
      if (!live.has(id) || id === last || index.isCondemned(pack)) continue;
      last = id;
      liveBytes.set(pack, (liveBytes.get(pack) ?? 0) + length);
    }
  }
  const small = [...index.packs].filter(
    ([pack, { size }]) => covered.has(pack) && size < packSize * SMALL_SHARE,
  );
  const merged = new Set(small.length >= SMALL_PACKS ? small.map(([pack]) => pack) : []);
  return [...index.packs]
    .filter(([pack, { size }]) => {
      // What cannot be read is not given up: repair may still salvage it.
      const little = covered.has(pack) && (liveBytes.get(pack) ?? 0) < size * minLiveShare;
      return index.isCondemned(pack) || little || merged.has(pack);
    })
    .map(([pack]) => pack);
}

/** @returns those of the leases that are still held */
async function waitForEnd(
  { backend, owners }: StoreContext,
  leases: readonly LeaseInfo[],
  { waitMs = 0, signal }: GcOptions,
): Promise<LeaseInfo[]> {
  const deadline = performance.now() + waitMs;
  const holders = new Set(leases.map(({ holder }) => holder));
  for (;;) {
    const held = (await liveLeases(backend, owners)).filter(({ holder }) => holders.has(holder));
    if (held.length === 0 || performance.now() >= deadline) return held;
    signal?.throwIfAborted();
    await sleep(POLL_MS);
  }
}

async function evacuateAndDelete(
  context: StoreContext,
  condemned: readonly PackId[],
  signal: AbortSignal | undefined,
): Promise<GcReport> {
  const { backend, owners, index } = context;
  const sizes = new Map(condemned.map((pack) => [pack, index.packs.get(pack)?.size ?? 0]));
  // From here on a writer like any other: what it copies must stay.
  const lease = await Lease.take(backend, owners);
  const writer = new ChunkWriter(context);
  try {
    await index.refresh();
    const live = await liveChunks(context, signal);
    const emptied: PackId[] = [];
    for (const pack of condemned)
      if (await evacuate({ ...context, writer, live, signal }, pack)) emptied.push(pack);
    await writer.flush();
    if (emptied.length > 0) await backend.delete(NO_MANIFEST);
    await lease.check();
    for (const pack of emptied) {
      signal?.throwIfAborted();
      await backend.delete(packName(pack));
      await backend.delete(objectName(KIND.condemned, pack));
    }
    await dropStaleMarks(context);
    await index.refresh();
    if (emptied.length > 0) await index.publish(true);
    return {
      liveChunks: live.size,
      deletedPacks: emptied,
      freedBytes: emptied.reduce((sum, pack) => sum + (sizes.get(pack) ?? 0), 0),
      rewrittenBytes: writer.written.storedBytes,
      waitingPacks: condemned.filter((pack) => !emptied.includes(pack)),
      waitingFor: [],
    };
  } finally {
    await writer.close();
    await lease.release();
  }
}

interface Evacuation extends StoreContext {
  readonly writer: ChunkWriter;
  readonly live: IdSet;
  readonly signal: AbortSignal | undefined;
}

/** Copies what is needed and nowhere else. @returns whether the pack may go: not when something of it is damaged */
async function evacuate(evacuation: Evacuation, pack: PackId): Promise<boolean> {
  const { backend, index, hash, settings, writer, live, signal } = evacuation;
  const size = index.packs.get(pack)?.size;
  if (size === undefined) return true; // another collector was faster
  try {
    for (const entry of await readPackEntries(backend, pack, size, hash)) {
      signal?.throwIfAborted();
      if (!live.has(entry.id) || (await isElsewhere(evacuation, entry.id))) continue;
      const record = await backend.read(packName(pack), entry.offset, recordLength(entry));
      openChunk(settings, entry.id, record); // a copy must not pass damage on as if it were sound
      await writer.addRecord(record);
    }
    return true;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    // Gone it is only if a look says so: what is copied may find something else missing.
    if (code === 'ENOENT' && !(await listPacks(backend)).has(pack)) return true;
    if (code === 'EIO') return false; // repair salvages it, and verify tells of it
    throw error;
  }
}

/** Whether a chunk is to stay in another pack. The index alone does not tell: that copy may be damaged, and ours the last. */
async function isElsewhere({ chunks, index, writer }: Evacuation, id: ChunkId): Promise<boolean> {
  if (writer.isComing(id)) return true;
  const place = await index.find(id, true);
  return place !== undefined && (await chunks.isSound(id, place));
}

/** Marks of packs and keys that are gone: somebody died between the two. */
async function dropStaleMarks({ backend }: StoreContext): Promise<void> {
  const marks = await backend.list(KIND.condemned);
  const objects = [...(await backend.list(KIND.packs)), ...(await backend.list(KIND.keys))];
  const there = new Set(objects.map(({ name }) => objectId(name)));
  for (const { name } of marks) if (!there.has(condemnedId(name))) await backend.delete(name);
}

/** Nothing was given back. */
const waiting = (
  { index }: StoreContext,
  live: IdSet,
  waitingPacks: readonly PackId[],
  waitingFor: readonly LeaseInfo[],
): GcReport => ({
  liveChunks: live.size,
  deletedPacks: [],
  freedBytes: 0,
  rewrittenBytes: 0,
  waitingPacks: waitingPacks.filter((pack) => index.packs.has(pack)),
  waitingFor,
});

/** What comes of it when all goes well, and nobody writes meanwhile. */
async function wouldBe(
  { index }: StoreContext,
  live: IdSet,
  condemned: readonly PackId[],
  signal: AbortSignal | undefined,
): Promise<GcReport> {
  const deletedPacks = condemned.filter((pack) => index.packs.has(pack));
  const gone = new Set(deletedPacks);
  // Of the chunk that the entries are of: what it takes to copy it; nothing if it is in a pack that stays.
  let [rewrittenBytes, last, toCopy] = [0, '', 0];
  for await (const entries of index.entries()) {
    signal?.throwIfAborted();
    for (const { id, pack, length } of entries) {
      if (!live.has(id)) continue;
      if (id !== last) {
        rewrittenBytes += toCopy;
        [last, toCopy] = [id, length];
      }
      if (!gone.has(pack)) toCopy = 0;
    }
  }
  return {
    liveChunks: live.size,
    deletedPacks,
    freedBytes: deletedPacks.reduce((sum, pack) => sum + (index.packs.get(pack)?.size ?? 0), 0),
    rewrittenBytes: rewrittenBytes + toCopy,
    waitingPacks: [],
    waitingFor: [],
  };
}
