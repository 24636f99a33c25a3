import { asCkptError } from '@ckptree/errors';
import { decodeChunkHeader, openChunk, recordLength } from './chunk.js';
import { type CheckpointDamage, checkpointDamage } from './damage.js';
import { isDamage, isGone, isUnreadable } from './faults.js';
import { IdSet } from './id-set.js';
import { listManifestIds } from './image/manifest.js';
import { type EntrySum, sumOfPack } from './index/entry-sums.js';
import { checkIndex } from './index/index-file.js';
import { unreadableKeys } from './keys.js';
import { KIND, objectName } from './layout.js';
import type { PackEntry, PackId } from './pack/pack-format.js';
import { listPacks, packName, readPackEntries } from './pack/pack-reader.js';
import type { StoreContext } from './store-context.js';

export interface VerifyOptions {
  /** Also read chunks and check them against their ids. */
  readonly readData?: boolean;
  /** Of all chunks, this share (0 to 1), drawn at random. */
  readonly sample?: number;
  readonly onProgress?: (packs: number, of: number) => void;
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Something that is not as it should be, and where. */
export interface StoreFinding {
  /** Object name. */
  readonly object: string;
  readonly message: string;
  readonly position?: number;
}

export interface StoreReport {
  readonly ok: boolean;
  readonly findings: readonly StoreFinding[];
  /** The checkpoints that suffer from it. */
  readonly damaged: readonly CheckpointDamage[];
  readonly checkpoints: number;
  readonly packs: number;
  readonly chunks: number;
  /** Chunks whose content was read. */
  readonly chunksRead: number;
}

/** What a check of all packs found: which chunks are sound. */
export interface PackSurvey {
  readonly findings: readonly StoreFinding[];
  /** Chunks that are sound, as far as was looked. */
  readonly sound: IdSet;
  /** Packs with something wrong in them. Those that the user may not read are not among them. */
  readonly damagedPacks: ReadonlySet<PackId>;
  /** What the tables of the packs say, of those that could be read. */
  readonly tables: ReadonlyMap<PackId, EntrySum>;
  readonly chunksRead: number;
}

interface GrowingSurvey extends PackSurvey {
  readonly findings: StoreFinding[];
  readonly damagedPacks: Set<PackId>;
  readonly tables: Map<PackId, EntrySum>;
  chunksRead: number;
}

/** Checks structure, indexes, manifests and references, and the data when asked. Changes nothing. */
export async function verifyStore(context: StoreContext, options: VerifyOptions): Promise<StoreReport> {
  // Before the packs: what a checkpoint needs that is listed now is in a pack by now.
  const ids = await listManifestIds(context.backend);
  const survey = await surveyPacks(context, options);
  const findings = [
    ...survey.findings,
    ...(await indexFindings(context, survey, options)),
    ...(await keyFindings(context)),
    ...(await strays(context)),
  ];
  const damaged: CheckpointDamage[] = [];
  for (const id of ids) {
    options.signal?.throwIfAborted();
    const damage = await checkpointDamage(context, id, survey.sound);
    if (damage !== undefined) damaged.push(damage);
  }
  return {
    ok: findings.length === 0 && damaged.length === 0,
    findings,
    damaged,
    checkpoints: ids.length,
    packs: (await listPacks(context.backend)).size,
    chunks: survey.sound.size,
    chunksRead: survey.chunksRead,
  };
}

/** Looks through all packs, and where a collector took one away, through those that came: there its chunks are now. */
export async function surveyPacks(context: StoreContext, options: VerifyOptions): Promise<PackSurvey> {
  const { backend } = context;
  const { signal, onProgress } = options;
  const survey: GrowingSurvey = {
    findings: [],
    sound: new IdSet(),
    damagedPacks: new Set<PackId>(),
    tables: new Map<PackId, EntrySum>(),
    chunksRead: 0,
  };
  let done = 0;
  const packs = await listPacks(backend);
  const addNewPacks = async (): Promise<void> => {
    for (const [pack, info] of await listPacks(backend)) if (!packs.has(pack)) packs.set(pack, info);
  };
  // A list that others change meanwhile may show neither a pack nor the one that its chunks were moved to. The next one does.
  await addNewPacks();
  // Those that are added meanwhile are looked through, too.
  for (const [pack, { size }] of packs) {
    try {
      await surveyPack(context, pack, size, options, survey);
    } catch (error) {
      signal?.throwIfAborted();
      if (isUnreadable(error)) noteDamage(survey, pack, findingOf(packName(pack), error), isDamage(error));
      else if (!isGone(error)) throw error;
      else await addNewPacks();
    }
    onProgress?.(++done, packs.size);
  }
  return survey;
}

async function surveyPack(
  context: StoreContext,
  pack: PackId,
  size: number,
  { readData = false, sample = 1, signal }: VerifyOptions,
  survey: GrowingSurvey,
): Promise<void> {
  const share = readData ? sample : 0;
  const entries = await readPackEntries(context.backend, pack, size, context.hash);
  survey.tables.set(pack, sumOfPack(entries));
  for (const entry of entries) {
    signal?.throwIfAborted();
    const isRead = Math.random() < share;
    const finding = isRead ? await chunkFinding(context, pack, entry) : undefined;
    if (isRead) survey.chunksRead++;
    if (finding === undefined) survey.sound.add(entry.id);
    else noteDamage(survey, pack, finding);
  }
}

function noteDamage(
  { findings, damagedPacks }: GrowingSurvey,
  pack: PackId,
  finding: StoreFinding,
  isDamaged = true,
): void {
  findings.push(finding);
  if (isDamaged) damagedPacks.add(pack);
}

async function chunkFinding(
  { backend, settings }: StoreContext,
  pack: PackId,
  entry: PackEntry,
): Promise<StoreFinding | undefined> {
  const record = await backend.read(packName(pack), entry.offset, recordLength(entry));
  try {
    openChunk(settings, entry.id, record);
    const header = decodeChunkHeader(record);
    if (header?.codec !== entry.codec || header.size !== entry.size)
      return {
        object: packName(pack),
        position: entry.offset,
        message: `chunk ${entry.id} is not as the pack's table says`,
      };
    return undefined;
  } catch (error) {
    return { ...findingOf(packName(pack), error), position: entry.offset };
  }
}

async function indexFindings(
  { backend, hash }: StoreContext,
  { tables }: PackSurvey,
  { signal }: VerifyOptions,
): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const object of await backend.list(KIND.index)) {
    signal?.throwIfAborted();
    try {
      await checkIndex(backend, object, hash, tables);
    } catch (error) {
      if (isUnreadable(error)) findings.push(findingOf(object.name, error));
      else if (!isGone(error)) throw error; // that is no fault: another has replaced it
    }
  }
  return findings;
}

async function keyFindings(context: StoreContext): Promise<StoreFinding[]> {
  return (await unreadableKeys(context)).map(({ id, error }) => findingOf(objectName(KIND.keys, id), error));
}

async function strays({ backend }: StoreContext): Promise<StoreFinding[]> {
  const found = (await Promise.all(Object.values(KIND).map((kind) => backend.strays?.(kind) ?? []))).flat();
  return found.map((object) => ({
    object,
    message: 'this is no object of a store (a link, a folder, an odd name); remove it',
  }));
}

const findingOf = (object: string, error: unknown): StoreFinding => {
  const { message, fields } = asCkptError(error);
  return {
    object,
    message,
    ...(fields.position !== undefined && { position: fields.position }),
  };
};
