import { type Static, Type } from '@ckptree/schema';
import { Count, Failure, Pid, TreeId, WorkerId } from './fields.js';

/** A row of the process table of the cluster. */
export const TaskRow = Type.Object({
  pid: Pid(),
  ppid: Type.Integer({ minimum: 0, description: 'Its parent; 0 when that is outside.' }),
  tgid: Type.Integer({ minimum: 0, description: 'The leader of its thread group.' }),
  pgid: Type.Integer({ minimum: 0, description: 'Its process group.' }),
  sid: Type.Integer({ minimum: 0, description: 'Its session.' }),
  comm: Type.String({ maxLength: 64, description: 'Its name.' }),
  state: Type.Union(
    [Type.Literal('running'), Type.Literal('blocked'), Type.Literal('frozen'), Type.Literal('zombie')],
    { description: 'What it does.' },
  ),
  ticks: Count('Ticks that it has executed.'),
  tree: TreeId(),
  worker: WorkerId('Who hosts it.'),
});
export type TaskRow = Static<typeof TaskRow>;

/** How a task ended. */
export const TaskEnd = Type.Object({
  pid: Pid(),
  comm: Type.String({ maxLength: 64, description: 'Its name.' }),
  exitCode: Type.Integer({
    description: 'As a shell tells it: its exit status, or 128 + the signal that killed it.',
  }),
  signal: Type.Optional(Type.String({ maxLength: 32, description: 'The signal that killed it.' })),
  digest: Type.String({
    pattern: '^[0-9a-f]{32}$',
    description: 'Of its final registers, and of its memory if nobody else used that any more.',
  }),
  ticks: Type.Optional(Count('Ticks that it executed in this run; absent for a zombie.')),
  zombie: Type.Optional(
    Type.Boolean({ description: 'It had ended before the checkpoint that this run began from.' }),
  ),
  error: Type.Optional(Failure),
});
export type TaskEnd = Static<typeof TaskEnd>;

export const TaskRows = Type.Array(TaskRow, { maxItems: 5_000 });
export const TaskEnds = Type.Array(TaskEnd, { maxItems: 5_000 });

export const exampleRow: TaskRow = {
  pid: 1,
  ppid: 0,
  tgid: 1,
  pgid: 1,
  sid: 1,
  comm: 'forktree',
  state: 'running',
  ticks: 4_711,
  tree: 't-5f0c6a1b2d3e',
  worker: 'worker-1',
};

export const exampleEnd: TaskEnd = {
  pid: 7,
  comm: 'sieve',
  exitCode: 0,
  digest: '9f86d081884c7d659a2feaa0c55ad015',
  ticks: 120_000,
};
