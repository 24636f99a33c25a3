import { asCkptError, CkptError } from '@ckptree/errors';
import { readTree } from '@ckptree/image';
import { type Forest, type Kernel, SpawnForest } from '@ckptree/kernel';
import { hostPart, Placement } from '@ckptree/restart';
import type { Store } from '@ckptree/store';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { TSchema } from 'typebox';
import type { HostedTree } from './hosted-tree.js';

const ajv = new Ajv2020({ strict: false });
const isForest = ajv.compile<SpawnForest>(SpawnForest as TSchema);
const isPlacement = ajv.compile<Placement>(Placement as TSchema);

/** @throws EINVAL the document is no part of a tree, with the field */
export function checkForest(document: unknown): SpawnForest {
  if (isForest(document)) return document;
  const [fault] = isForest.errors ?? [];
  throw new CkptError(
    'EINVAL',
    `the part of the tree: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`,
    {
      field: fault?.instancePath ?? '/',
    },
  );
}

/** @throws EINVAL the document is no placement, with the field */
export function checkPlacement(document: unknown): Placement {
  if (isPlacement(document)) return document;
  const [fault] = isPlacement.errors ?? [];
  throw new CkptError('EINVAL', `the placement: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`, {
    field: fault?.instancePath ?? '/',
  });
}

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
