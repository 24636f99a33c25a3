import { asCkptError } from '@ckptree/errors';
import { readTree } from '@ckptree/image';
import { type Forest, type Kernel, SpawnForest } from '@ckptree/kernel';
import { validated } from '@ckptree/protocol';
import { hostPart, Placement } from '@ckptree/restart';
import type { Store } from '@ckptree/store';
import type { HostedTree } from './hosted-tree.js';

/** @throws EINVAL the document is no part of a tree, with the field */
export const checkForest = (document: unknown): SpawnForest =>
  validated(SpawnForest, document, 'the part of the tree');

/** @throws EINVAL the document is no placement, with the field */
export const checkPlacement = (document: unknown): Placement =>
  validated(Placement, document, 'the placement of the tree');

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
