import { type Static, Type } from '@ckptree/schema';
import type { Store } from '@ckptree/store';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatBytes, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import { makeStore, withStore } from './open-store.js';
import { askForNew, givenSecrets, oneOf } from './secrets.js';
import { type StoreOptions, storeFolder } from './store-options.js';

const closed = { additionalProperties: false };

export const StoreInfoReport = Type.Object(
  {
    path: Type.String({ description: 'The folder.' }),
    id: Type.String({ description: 'Of the store.' }),
    format: Type.Integer({ description: 'Version of its format.' }),
    created: Type.String(),
    encrypted: Type.Boolean(),
    codec: Type.String({ description: 'What chunks are compressed with, or none.' }),
    level: Type.Integer({ description: 'Of the codec.' }),
    checkpoints: Type.Integer(),
    logicalBytes: Type.Integer({ description: 'Bytes of all images.' }),
    packs: Type.Integer(),
    packBytes: Type.Integer({ description: 'Bytes of all packs.' }),
    condemnedPacks: Type.Integer({ description: 'Packs that are given up and wait for the next gc.' }),
    writers: Type.Integer({ description: 'Processes that are storing a checkpoint now.' }),
  },
  closed,
);
type StoreInfoReport = Static<typeof StoreInfoReport>;

/** Makes a store. @param encrypt also when no secret was given: then one is asked for */
export async function init(encrypt: boolean, options: StoreOptions): Promise<Outcome<StoreInfoReport>> {
  const path = storeFolder(options);
  const given = oneOf(await givenSecrets(options));
  const secret = given ?? (encrypt ? await askForNew(`for the new store ${path}`) : undefined);
  const store = await makeStore(path, secret === undefined ? {} : { secret });
  try {
    return { report: await describe(store, path), exitCode: 0 };
  } finally {
    await store.close();
  }
}

/** What there is in the store. */
export function info(options: StoreOptions): Promise<Outcome<StoreInfoReport>> {
  return withStore(options, {}, async (store) => ({
    report: await describe(store, storeFolder(options)),
    exitCode: 0,
  }));
}

async function describe(store: Store, path: string): Promise<StoreInfoReport> {
  const { config, ...figures } = await store.info();
  return { path, ...config, ...figures };
}

export function formatStoreInfo(report: StoreInfoReport, { strong }: Palette): string {
  const { path, encrypted, codec, level, checkpoints, logicalBytes, packs, packBytes, writers } = report;
  const compression = codec === 'none' ? 'not compressed' : `${codec} level ${level}`;
  const lines = [
    `${strong(printable(path))}: ${encrypted ? 'encrypted' : 'not encrypted'}, ${compression}, made ${report.created}`,
    `${plural(checkpoints, 'checkpoint')} of ${formatBytes(logicalBytes)} in ${plural(packs, 'pack')} of ${strong(formatBytes(packBytes))}`,
    ...(report.condemnedPacks === 0
      ? []
      : [`${plural(report.condemnedPacks, 'pack')} waiting for the next gc`]),
    ...(writers === 0 ? [] : [`${plural(writers, 'writer')} at work`]),
  ];
  return `${lines.join('\n')}\n`;
}

export const GcReport = Type.Object(
  {
    dryRun: Type.Boolean({ description: 'Nothing was changed: it only says what would be.' }),
    liveChunks: Type.Integer({ description: 'Chunks that checkpoints need.' }),
    deletedPacks: Type.Array(Type.String()),
    freedBytes: Type.Integer({ description: 'Bytes of the deleted packs.' }),
    rewrittenBytes: Type.Integer({ description: 'Of these, what was needed and written anew.' }),
    waitingPacks: Type.Array(Type.String(), {
      description: 'Given up, and left to the next gc because writers are at work, or something is damaged.',
    }),
    waitingFor: Type.Array(Type.String(), { description: 'These writers.' }),
  },
  closed,
);
type GcReport = Static<typeof GcReport>;

/** Gives back the space that no checkpoint needs. May be killed at any time. */
export function gc(dryRun: boolean, options: StoreOptions, { signal }: Session): Promise<Outcome<GcReport>> {
  return withStore(options, {}, async (store) => {
    const report = await store.gc({ dryRun, signal });
    const { liveChunks, deletedPacks, freedBytes, rewrittenBytes, waitingPacks, waitingFor } = report;
    return {
      report: {
        ...{ dryRun, liveChunks, freedBytes, rewrittenBytes },
        deletedPacks: [...deletedPacks],
        waitingPacks: [...waitingPacks],
        waitingFor: waitingFor.map(({ holder }) => holder),
      },
      exitCode: 0,
    };
  });
}

export function formatGc(report: GcReport, { strong }: Palette): string {
  const { dryRun, deletedPacks, freedBytes, rewrittenBytes, waitingPacks, waitingFor } = report;
  const freed = strong(formatBytes(Math.max(0, freedBytes - rewrittenBytes)));
  const why =
    waitingFor.length > 0
      ? 'writers are at work'
      : 'something in there is damaged, and `ckptree store repair` saves what is sound';
  const waiting =
    waitingPacks.length === 0 ? '' : `${plural(waitingPacks.length, 'pack')} left to the next gc: ${why}.\n`;
  if (deletedPacks.length === 0) return `There is nothing to give back.\n${waiting}`;
  return `${freed} ${dryRun ? 'would be' : 'were'} given back from ${plural(deletedPacks.length, 'pack')}.\n${waiting}`;
}

export const RepairReport = Type.Object(
  {
    quarantined: Type.Array(Type.String(), {
      description: 'Damaged objects that were moved to the folder quarantine.',
    }),
    droppedIndexes: Type.Array(Type.String(), {
      description: 'Damaged indexes that were deleted; they are made anew from the packs.',
    }),
    salvagedChunks: Type.Integer({ description: 'Sound chunks that were taken out of damaged packs.' }),
    left: Type.Array(Type.String(), { description: 'What could not be put right, and why.' }),
  },
  closed,
);
type RepairReport = Static<typeof RepairReport>;

/** Takes what is damaged out of the store and saves what is sound of it. */
export function repair(options: StoreOptions, { signal, progress }: Session): Promise<Outcome<RepairReport>> {
  return withStore(options, {}, async (store) => {
    let [packs, total] = [0, 0];
    const look = (): string => `${packs} of ${plural(total, 'pack')}`;
    const onProgress = (done: number, of: number): void => {
      [packs, total] = [done, of];
    };
    const { quarantined, droppedIndexes, salvagedChunks, left } = await progress.during('reading', look, () =>
      store.repair({ onProgress, signal }),
    );
    const report = {
      quarantined: [...quarantined],
      droppedIndexes: [...droppedIndexes],
      salvagedChunks,
      left: [...left],
    };
    return { report, exitCode: left.length === 0 ? 0 : 1 };
  });
}

export function formatRepair(report: RepairReport, { bad, good }: Palette): string {
  const { quarantined, droppedIndexes, salvagedChunks, left } = report;
  if (quarantined.length + droppedIndexes.length + left.length === 0)
    return good('There was nothing to repair.\n');
  return [
    ...quarantined.map((name) => `${printable(name)} moved to quarantine`),
    ...droppedIndexes.map((name) => `${printable(name)} dropped`),
    ...left.map((sentence) => bad(printable(sentence))),
    `${plural(salvagedChunks, 'sound chunk')} saved; \`ckptree store verify\` tells what is lost.`,
    '',
  ].join('\n');
}
