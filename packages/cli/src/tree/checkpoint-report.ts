import type { Taken } from '@ckptree/checkpoint';
import { type Static, Type } from '@ckptree/schema';
import type { Palette } from '../output/palette.js';
import { formatBytes, formatDuration, plural } from '../output/quantities.js';

/** A checkpoint that was taken on the way. */
export const CheckpointReport = Type.Object(
  {
    path: Type.Optional(Type.String({ description: 'The image; absent when it is in the store.' })),
    id: Type.Optional(Type.String({ description: 'Of the checkpoint in the store.' })),
    newBytes: Type.Optional(Type.Integer({ description: 'Of the image, what the store did not have.' })),
    storedBytes: Type.Optional(Type.Integer({ description: 'Bytes that these took in the store.' })),
    pid: Type.Integer({ description: 'The task that was saved, with all below it.' }),
    tick: Type.Integer({ description: 'Ticks that it had executed.' }),
    container: Type.Boolean({
      description: 'Nothing in the tree was used from outside; otherwise a subtree.',
    }),
    bytes: Type.Integer({ description: 'Size of the image.' }),
    tasks: Type.Integer({ description: 'Tasks in it, zombies among them.' }),
    mms: Type.Integer({ description: 'Address spaces.' }),
    files: Type.Integer({ description: 'Open files.' }),
    pages: Type.Integer({ description: 'Pages of 4096 bytes.' }),
    freezeUs: Type.Number({
      description: 'From the request until all tasks had come to a safe point, microseconds.',
    }),
    snapshotUs: Type.Number({ description: 'From there until the last snapshot was taken.' }),
    downtimeUs: Type.Optional(
      Type.Number({ description: 'How long the tasks stood still; absent when they were not to run on.' }),
    ),
    planMs: Type.Number({ description: 'Collecting the objects and planning the image, milliseconds.' }),
    dumpMs: Type.Number({ description: 'Writing the image.' }),
    syncMs: Type.Number({ description: 'Making it durable.' }),
  },
  { additionalProperties: false },
);
export type CheckpointReport = Static<typeof CheckpointReport>;

/** Where a checkpoint is: in a file, or in a store. */
export type Place =
  | { readonly path: string }
  | { readonly id: string; readonly newBytes: number; readonly storedBytes: number };

export function reportCheckpoint(
  subject: Pick<CheckpointReport, 'pid' | 'tick' | 'container'>,
  { bytes, tasks, mms, files, pages, timing }: Taken,
  place: Place,
): CheckpointReport {
  return { ...place, ...subject, bytes, tasks, mms, files, pages, ...timing };
}

/** Two lines. */
export function formatCheckpoint(report: CheckpointReport, palette: Palette): string {
  const { pid, tick, bytes, tasks, pages, downtimeUs, planMs, dumpMs, syncMs } = report;
  const total = formatDuration((planMs + dumpMs + syncMs) * 1_000);
  const stood =
    downtimeUs === undefined ? 'left frozen' : `frozen for ${palette.strong(formatDuration(downtimeUs))}`;
  return [
    `Checkpoint of task ${pid} at tick ${tick}: ${plural(tasks, 'task')}, ${stood}.`,
    `${plural(pages, 'page')}, ${palette.strong(formatBytes(bytes))} in all, written in ${total} to ${placeOf(report)}`,
    '',
  ].join('\n');
}

function placeOf({ path, id = '', storedBytes = 0 }: CheckpointReport): string {
  return path ?? `the store: ${id}, ${formatBytes(storedBytes)} newly stored`;
}
