import type { TaskRow } from '@ckptree/protocol';
import { tellAll } from '../cluster/fan-out.js';
import type { TreeParts } from './tree-parts.js';

/**
 * Every task of the cluster but those of trees that have ended: what is left of these are zombies on workers that were not
 * told yet that nobody waits for them, and they are told now.
 */
export async function livingRows(parts: Pick<TreeParts, 'connection' | 'table'>): Promise<TaskRow[]> {
  const { rows } = await parts.table.list();
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
