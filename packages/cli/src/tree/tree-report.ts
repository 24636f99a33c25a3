import { type Static, Type } from '@ckptree/schema';
import { Failure } from '../output/failure-schema.js';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { formatCount, formatDuration, plural } from '../output/quantities.js';
import { type Column, formatTable } from '../output/table.js';
import { CheckpointReport, formatCheckpoint } from './checkpoint-report.js';
import { isFault, TaskReport } from './task-report.js';

/** A task that was left frozen. */
const FrozenTask = Type.Object(
  {
    pid: Type.Integer(),
    ppid: Type.Integer({ description: 'Its parent; 0 for none.' }),
    tgid: Type.Integer({ description: 'The leader of its thread group.' }),
    pgid: Type.Integer({ description: 'Its process group.' }),
    sid: Type.Integer({ description: 'Its session.' }),
    comm: Type.String(),
    state: Type.Union([Type.Literal('frozen'), Type.Literal('zombie')]),
  },
  { additionalProperties: false },
);
export type FrozenTask = Static<typeof FrozenTask>;

/** What came of a tree of tasks. */
export const TreeReport = Type.Object(
  {
    tasks: Type.Array(TaskReport, {
      description: 'Every task that ended: by pid, then in the order of their ends.',
    }),
    elapsedMs: Type.Number({
      description: 'How long the tree ran, in milliseconds; with --frozen, how long the restart took.',
    }),
    stopped: Type.Optional(
      Type.Literal(true, { description: 'It was ended at the checkpoint, as --stop asks for.' }),
    ),
    checkpoint: Type.Optional(CheckpointReport),
    laterCheckpoints: Type.Optional(
      Type.Array(CheckpointReport, { description: 'With --checkpoint-every: those after the first.' }),
    ),
    checkpointError: Type.Optional(Failure),
    frozen: Type.Optional(
      Type.Array(FrozenTask, { description: 'With --frozen: the tasks as they stand; none has run.' }),
    ),
  },
  { additionalProperties: false },
);
export type TreeReport = Static<typeof TreeReport>;

const TASK_COLUMNS: readonly Column<TaskReport>[] = [
  { title: 'PID', align: 'right', value: ({ pid }) => String(pid) },
  { title: 'COMM', value: ({ comm }) => printable(comm) },
  { title: 'EXIT', align: 'right', value: ({ exitCode, signal }) => signal ?? String(exitCode) },
  {
    title: 'TICKS',
    align: 'right',
    value: ({ ticks }) => (ticks === undefined ? 'zombie' : formatCount(ticks)),
  },
  { title: 'DIGEST', value: ({ digest }) => digest },
];

const FROZEN_COLUMNS: readonly Column<FrozenTask>[] = [
  ...(['pid', 'ppid', 'tgid', 'pgid', 'sid'] as const).map(
    (id): Column<FrozenTask> => ({
      title: id.toUpperCase(),
      align: 'right',
      value: (task) => String(task[id]),
    }),
  ),
  { title: 'STATE', value: ({ state }) => state },
  { title: 'COMM', value: ({ comm }) => printable(comm) },
];

export function formatTree(report: TreeReport, palette: Palette): string {
  const { tasks, frozen, checkpoint, laterCheckpoints = [] } = report;
  const parts = [
    ...(tasks.length > 0 ? [formatTable(TASK_COLUMNS, tasks, palette)] : []),
    ...(frozen === undefined ? [] : [formatTable(FROZEN_COLUMNS, frozen, palette)]),
    ...(checkpoint === undefined ? [] : [formatCheckpoint(checkpoint, palette)]),
    ...laterCheckpoints.map((later) => formatCheckpoint(later, palette)),
    `${summary(report, palette)}\n`,
  ];
  return parts.join('\n');
}

function summary({ tasks, elapsedMs, stopped, frozen }: TreeReport, { good, bad }: Palette): string {
  const time = formatDuration(elapsedMs * 1_000);
  if (frozen !== undefined)
    return good(`${plural(frozen.length, 'task')} restarted in ${time} and left frozen.`);
  const ended = `${plural(tasks.length, 'task')} ended in ${time}`;
  const failed = tasks.filter(isFault).length;
  if (failed > 0) return bad(`${ended}, ${failed} of them by a fault of their own.`);
  return good(stopped ? `${ended}; the rest was stopped at the checkpoint.` : `${ended}.`);
}
