import { type Static, Type } from '@ckptree/schema';
import type { CheckpointDamage, LostRange, StoreReport } from '@ckptree/store';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatCount, plural } from '../output/quantities.js';
import type { Outcome, Session } from '../session.js';
import { withStore } from './open-store.js';
import type { StoreOptions } from './store-options.js';

const closed = { additionalProperties: false };
const Owner = { pid: Type.Integer(), comm: Type.String() };

const Damage = Type.Object(
  {
    id: Type.String(),
    name: Type.Optional(Type.String()),
    error: Type.Optional(Type.String({ description: 'Why none of it can be read; then the rest is empty.' })),
    lost: Type.Array(
      Type.Object(
        { ...Owner, start: Type.Integer(), end: Type.Integer({ description: 'Behind the last byte.' }) },
        { ...closed, description: 'Addresses of a task whose contents are lost.' },
      ),
    ),
    lostSegments: Type.Array(
      Type.Object({ position: Type.Integer(), size: Type.Integer(), error: Type.String() }, closed),
      { description: 'Stretches of the image that are lost, records and pages.' },
    ),
    wholeTasks: Type.Array(Type.Object(Owner, closed), {
      description: 'Tasks whose memory is whole; `ckptree core` takes them out.',
    }),
  },
  closed,
);

export const StoreVerifyReport = Type.Object(
  {
    ok: Type.Boolean(),
    findings: Type.Array(
      Type.Object(
        {
          object: Type.String({ description: 'The file, below the folder of the store.' }),
          message: Type.String(),
          position: Type.Optional(Type.Integer({ description: 'Byte position in it.' })),
        },
        closed,
      ),
    ),
    damaged: Type.Array(Damage, { description: 'The checkpoints that suffer from it.' }),
    checkpoints: Type.Integer(),
    packs: Type.Integer(),
    chunks: Type.Integer(),
    chunksRead: Type.Integer({ description: 'Chunks whose content was read and checked.' }),
  },
  closed,
);
type StoreVerifyReport = Static<typeof StoreVerifyReport>;

export interface Thoroughness {
  readonly readData: boolean;
  /** Of all chunks, 0 to 1. */
  readonly sample: number;
}

/** Checks the store as a whole. */
export function verifyStore(
  { readData, sample }: Thoroughness,
  options: StoreOptions,
  { progress, signal }: Session,
): Promise<Outcome<StoreVerifyReport>> {
  return withStore(options, {}, async (store) => {
    let [packs, total] = [0, 0];
    const look = (): string => `${packs} of ${plural(total, 'pack')}`;
    const report = await progress.during('verifying', look, () =>
      store.verify({
        readData,
        sample,
        signal,
        onProgress: (done, of) => {
          [packs, total] = [done, of];
        },
      }),
    );
    return { report: plain(report), exitCode: report.ok ? 0 : 1 };
  });
}

/** The report as its schema has it. */
const plain = (report: StoreReport): StoreVerifyReport => ({
  ...report,
  findings: [...report.findings],
  damaged: report.damaged.map((damage) => ({
    ...damage,
    lost: [...damage.lost],
    lostSegments: [...damage.lostSegments],
    wholeTasks: [...damage.wholeTasks],
  })),
});

export function formatStoreVerify(report: StoreVerifyReport, palette: Palette): string {
  const { ok, findings, damaged, checkpoints, packs, chunks, chunksRead } = report;
  const scope = `${plural(checkpoints, 'checkpoint')}, ${plural(packs, 'pack')}, ${plural(chunks, 'chunk')} (${formatCount(chunksRead)} read)`;
  if (ok) return `${palette.good('The store is sound')}: ${scope}.\n`;
  return [
    ...findings.map(
      ({ object, message, position }) =>
        `${palette.strong(printable(object))}${position === undefined ? '' : `, byte ${position}`}: ${printable(message)}`,
    ),
    ...damaged.flatMap((damage) => formatDamage(damage, palette)),
    `${palette.bad('The store is damaged')}: ${scope}.`,
    findings.length > 0
      ? '`ckptree store repair` saves what is sound.'
      : 'What is lost stays lost: `ckptree core` takes out tasks that are whole, `ckptree rm` removes a checkpoint.',
    '',
  ].join('\n');
}

function formatDamage(
  { id, name, error, lost, lostSegments, wholeTasks }: CheckpointDamage,
  palette: Palette,
) {
  const title = `checkpoint ${palette.strong(id)}${name === undefined ? '' : ` (${printable(name)})`}`;
  if (error !== undefined) return [`${title}: ${printable(error)}`];
  return [
    `${title}:`,
    ...lost.map((range) => `  lost: ${formatRange(range)}`),
    ...lostSegments.map(
      ({ position, size, error: why }) =>
        `  lost: bytes ${position} to ${position + size} of the image: ${printable(why)}`,
    ),
    `  whole: ${wholeTasks.length === 0 ? 'no task' : wholeTasks.map(({ pid, comm }) => `${pid} (${printable(comm)})`).join(', ')}`,
  ];
}

const formatRange = ({ pid, comm, start, end }: LostRange): string =>
  `task ${pid} (${printable(comm)}) ${start.toString(16)}-${end.toString(16)}`;
