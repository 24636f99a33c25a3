import { asCkptError } from '@ckptree/errors';
import { readTree } from '@ckptree/image';
import type { Forest, Kernel } from '@ckptree/kernel';
import { hostPart, type Placement } from '@ckptree/restart';
import type { Store } from '@ckptree/store';
import type { HostedTree } from './hosted-tree.js';

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
  const { tree } = await readTree(source);
  if (hosted.signal.aborted) throw asCkptError(hosted.signal.reason);
  return hostPart(kernel, source, tree, {
    treeId: hosted.tree,
    worker,
    placement,
    signal: hosted.signal,
    onProgress: (progress) => {
      hosted.loading = progress;
    },
  });
}
