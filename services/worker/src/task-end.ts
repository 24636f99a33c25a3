import { exitStatus, type TaskExit } from '@ckptree/kernel';
import type { TaskEnd } from '@ckptree/protocol';

/** The end of a task as it is told to the cluster. */
export function taskEnd({ pid, comm, status, digest, ticks, error }: TaskExit): TaskEnd {
  return { pid, comm, ...exitStatus(status), digest, ticks, ...(error !== undefined && { error }) };
}
