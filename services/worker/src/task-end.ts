import { digestOfZombie, exitStatus, type TaskExit } from '@ckptree/kernel';
import type { Task } from '@ckptree/model';
import type { TaskEnd } from '@ckptree/protocol';

/** The end of a task as it is told to the cluster. */
export function taskEnd({ pid, comm, status, digest, ticks, error }: TaskExit): TaskEnd {
  return { pid, comm, ...exitStatus(status), digest, ticks, ...(error !== undefined && { error }) };
}

/** That of a task which had ended before the checkpoint from which it came here. */
export function zombieEnd(task: Task<unknown>): TaskEnd {
  const { pid, comm, exitCode } = task;
  return { pid, comm, ...exitStatus(exitCode), digest: digestOfZombie(task), zombie: true };
}
