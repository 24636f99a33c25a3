import { asCkptError } from '@ckptree/errors';
import { readTree } from '@ckptree/image';
import type { Forest, Kernel } from '@ckptree/kernel';
import { hostPart, type Placement } from '@ckptree/restart';
import type { Store } from '@ckptree/store';
import type { HostedTree } from './hosted-tree.js';
import { zombieEnd } from './task-end.js';

export interface RestorePlan {
  readonly worker: string;
  readonly checkpoint: string;
  readonly placement: Placement;
}

/** Loads what goes to this worker of a checkpoint. @throws as hostPart(), and what the store throws */
export async function loadCheckpoint(
  kernel: Kernel,
  store: Store,
  hosted: HostedTree,
  { worker, checkpoint, placement }: RestorePlan,
): Promise<Forest> {
  const source = await store.source(checkpoint);
  const { tree } = await readTree(source.withoutPages());
  if (hosted.signal.aborted) throw asCkptError(hosted.signal.reason);
  const forest = await hostPart(kernel, source, tree, {
    treeId: hosted.tree,
    worker,
    placement,
    signal: hosted.signal,
    onProgress: (progress) => {
      hosted.loading = progress;
    },
  });
  // Zombies have ended already: whoever asks how the tasks of this tree ended is told of them, too.
  const here = new Set(forest.pids);
  for (const task of tree.tasks)
    if (task.exitState !== 0 && here.has(task.pid)) hosted.ends.push(zombieEnd(task));
  return forest;
}
