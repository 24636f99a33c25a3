import type { TreeRecord } from '@ckptree/protocol';
import { type StartOptions, startTree, undoStart } from './start-tree.js';
import type { TreeParts } from './tree-parts.js';

/**
 * Starts a tree under its record, which is there before its tasks run: whoever leads next must know of them.
 * @returns its tasks
 * @throws as startTree(), and what writing the record throws; then nothing is left, or the next leader has to see to it
 */
export async function startRecorded(
  parts: TreeParts,
  record: Omit<TreeRecord, 'state'>,
  options: Omit<StartOptions, 'tree' | 'rootPid' | 'record'>,
): Promise<number> {
  const { trees } = parts;
  const { tree, rootPid, workers } = record;
  const running = { ...record, state: 'running' as const };
  await trees.put({ ...record, state: 'starting' });
  try {
    const tasks = await startTree(parts, { ...options, tree, rootPid, record: running });
    try {
      await trees.put(running);
    } catch (error) {
      // The next leader goes by the record: it says that the tree runs, or it does not.
      if (!options.signal.aborted) await undoStart(parts, workers, record);
      throw error;
    }
    return tasks;
  } catch (error) {
    if (!options.signal.aborted) await trees.remove(tree);
    throw error;
  }
}
