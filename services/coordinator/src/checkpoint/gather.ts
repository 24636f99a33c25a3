import { checkSkeleton, type MergedTree, merge } from '@ckptree/checkpoint';
import { fetchDocument, retrying } from '@ckptree/protocol';
import { askAll } from '../cluster/fan-out.js';
import type { StepParts, Underway } from './step-parts.js';

/**
 * Asks every worker what its part holds, and makes it one tree: the plan of the image.
 * @throws what merge() throws; ENOENT a worker was started anew since the cut
 */
export async function gather(parts: StepParts, { keeper, signal }: Underway): Promise<MergedTree> {
  const { connection, limits } = parts;
  const { checkpoint, request, rootPid, workers = [] } = keeper.record;
  const options = { timeoutMs: limits.describeMs, signal };
  const skeletons = await retrying(connection, options, async () => {
    const replies = await askAll(connection, workers, 'describe', () => ({ checkpoint }), options);
    return Promise.all(
      [...replies].map(async ([id, { skeleton }]) =>
        checkSkeleton(await fetchDocument(connection, id, skeleton, options), id),
      ),
    );
  });
  return merge(skeletons, {
    pid: request.pid,
    rootPid: rootPid ?? request.pid,
    container: request.container ?? false,
    workers,
  });
}
