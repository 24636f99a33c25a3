import { errorFromData } from '@ckptree/errors';
import { digestOfZombie, exitStatus, type TaskExit } from '@ckptree/kernel';
import type { Task } from '@ckptree/model';
import { type Static, Type } from '@ckptree/schema';
import { failureOf } from '../output/failure.js';
import { Failure } from '../output/failure-schema.js';

/** A task that has ended. */
export const TaskReport = Type.Object(
  {
    pid: Type.Integer(),
    comm: Type.String({ description: 'Its name.' }),
    exitCode: Type.Integer({
      description: 'As a shell tells it: its exit status, or 128 + the signal that killed it.',
    }),
    signal: Type.Optional(Type.String({ description: 'The signal that killed it.' })),
    digest: Type.String({
      pattern: '^[0-9a-f]{32}$',
      description:
        'Of its final registers, and of its memory if nobody else used that any more. Depends on nothing else: the same task with the same state has the same digest in any run.',
    }),
    ticks: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Ticks that it executed in this run; absent for a zombie.' }),
    ),
    zombie: Type.Optional(
      Type.Literal(true, {
        description: 'It had ended before the image was made that this run was restarted from.',
      }),
    ),
    error: Type.Optional(Failure),
  },
  { additionalProperties: false },
);
export type TaskReport = Static<typeof TaskReport>;

/** A task that has ended in a kernel. */
function reportExit({ pid, comm, status, digest, ticks, error }: TaskExit): TaskReport {
  return {
    pid,
    comm,
    ...exitStatus(status),
    digest,
    ticks,
    ...(error === undefined ? {} : { error: failureOf(errorFromData(error)) }),
  };
}

/** A task that had ended before its tree was saved. Its digest is where it had its last two pointers. */
export function reportZombie(task: Task<unknown>): TaskReport {
  const { pid, comm, exitCode } = task;
  return { pid, comm, ...exitStatus(exitCode), digest: digestOfZombie(task), zombie: true };
}

export const isZombie = ({ exitState }: Task<unknown>): boolean => exitState !== 0;

/** Killed because of something that it did itself, not because somebody wanted it to end. */
export const isFault = ({ error }: TaskReport): boolean => error !== undefined && error.code !== 'EINTR';

/** By pid; of those with the same pid zombies first, then in the order of their ends. */
export function reportEnds(zombies: readonly TaskReport[], ends: readonly TaskExit[]): TaskReport[] {
  const inOrder = ends.toSorted((one, other) => one.order - other.order).map(reportExit);
  return [...zombies, ...inOrder].sort((one, other) => one.pid - other.pid);
}
