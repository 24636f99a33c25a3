import type { TreeRecord } from '@ckptree/protocol';
import { type StartOptions, startTree, undoStart } from './start-tree.js';
import type { TreeParts } from './tree-parts.js';

/**
 * Starts a tree under its record, which is there before its tasks run: whoever leads next must know of them.
 * @returns its tasks
 * @throws as startTree(), and what writing the record throws; then nothing is left, or the keeper of trees sees to it
 */
export async function startRecorded(
  parts: TreeParts,
  record: Omit<TreeRecord, 'state'>,
  options: Omit<StartOptions, 'tree' | 'rootPid' | 'record'>,
): Promise<number> {
  const { trees } = parts;
  const { tree, rootPid, workers } = record;
  const undo = async (): Promise<void> => {
    const undone = await undoStart(parts, workers, record);
    if (options.signal.aborted) return;
    trees.halfStarted.add(tree);
    if (undone) await trees.remove(tree).catch(() => undefined); // the keeper tries again
  };
  await trees.put({ ...record, state: 'starting' });
  let tasks: number;
  try {
    tasks = await startTree(parts, { ...options, tree, rootPid, record: { ...record, state: 'running' } });
  } catch (error) {
    await undo();
    throw error;
  }
  try {
    // A worker may have been lost meanwhile, which is noted there.
    await trees.change(tree, (known) => ({ ...known, state: 'running' }));
  } catch (error) {
    // The next leader goes by the record: it says that the tree runs, or it does not.
    if (!options.signal.aborted) await undo();
    throw error;
  }
  return tasks;
}
