import { CkptError } from '@ckptree/errors';
import type { RequestOptions, Signal } from '@ckptree/protocol';
import { askAll } from '../cluster/fan-out.js';
import type { TreeParts } from './tree-parts.js';

/**
 * Has a task and all below it freeze, thaw or end, on whichever workers they are. Resolves when they have.
 * @returns how many they are
 * @throws ESRCH no such task runs; EAGAIN, EPIPE, ETIMEDOUT a worker does not answer
 */
export async function signalTasks(
  { connection, table }: Pick<TreeParts, 'connection' | 'table'>,
  pid: number,
  what: Signal,
  options: RequestOptions = {},
): Promise<number> {
  const { tree, rootPid } = await table.locate(pid);
  const roots = pid === rootPid ? [pid] : await below(table, pid);
  const body = { tree, roots, signal: what };
  const answers = await askAll(connection, table.workersOf(tree), 'signal', () => body, options);
  return [...answers.values()].reduce((sum, { tasks }) => sum + tasks, 0);
}

/** A task with all below it. Without those that a worker does not tell of, what is asked would be done by halves. */
async function below(table: TreeParts['table'], pid: number): Promise<number[]> {
  const { rows, missing } = await table.subtree(pid);
  if (missing.length === 0) return rows.map((row) => row.pid);
  throw new CkptError(
    'EAGAIN',
    `which tasks are below ${pid} is not known: ${missing.join(', ')} did not answer; try again`,
    { pid },
  );
}
