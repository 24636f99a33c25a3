import { at, type CkptError } from '@ckptree/errors';
import type { ProcessTable } from '../process/process-table.js';
import { SLOT } from '../process/slot.js';
import type { Task } from './task.js';

/** Adds the task to an error that one of its system calls or accesses threw. */
export function atTask(table: ProcessTable, task: Task, error: unknown): CkptError {
  return at(error, { pid: table.get(task.slot, SLOT.PID), comm: table.comm(task.slot) });
}
