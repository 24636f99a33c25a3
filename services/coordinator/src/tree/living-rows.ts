import { CkptError } from '@ckptree/errors';
import { retrying, type TaskRow } from '@ckptree/protocol';
import { tellAll } from '../cluster/fan-out.js';
import type { TreeParts } from './tree-parts.js';

/** Longer than it takes to find that a worker is lost. */
const ANSWER_MS = 15_000;

/**
 * Every task of the cluster but those of trees that have ended: what is left of these are zombies on workers that were not
 * told yet that nobody waits for them, and they are told now.
 * @throws EAGAIN a worker that lives does not say what it hosts; EINTR `signal`
 */
export async function livingRows(
  parts: Pick<TreeParts, 'connection' | 'table'>,
  signal?: AbortSignal,
): Promise<TaskRow[]> {
  const rows = await retrying(parts.connection, { timeoutMs: ANSWER_MS, signal }, () => allRows(parts));
  const living = new Set(rows.filter(({ state }) => state !== 'zombie').map(({ tree }) => tree));
  const ended = new Map<string, Set<number>>();
  for (const { tree, pid, ppid } of rows) {
    if (living.has(tree)) continue;
    const parents = ended.get(tree) ?? new Set();
    ended.set(tree, parents);
    if (ppid !== 0) parents.add(ppid);
    parents.add(pid);
  }
  for (const [tree, parents] of ended)
    await tellAll(parts.connection, parts.table.workersOf(tree), 'disown', () => ({
      tree,
      parents: [...parents],
    }));
  return rows.filter(({ tree }) => living.has(tree));
}

/** Those that a worker does not tell of would be taken for ended, and their pids for free. */
async function allRows({ table }: Pick<TreeParts, 'table'>): Promise<TaskRow[]> {
  const { rows, missing } = await table.list();
  if (missing.length === 0) return rows;
  throw new CkptError('EAGAIN', `${missing.join(', ')} did not say which tasks are there; try again`);
}
