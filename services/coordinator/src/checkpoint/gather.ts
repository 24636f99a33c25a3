import { checkSkeleton, type MergedTree, merge } from '@ckptree/checkpoint';
import { fetchDocument, retrying } from '@ckptree/protocol';
import { askAll } from '../cluster/fan-out.js';
import type { StepParts, Underway } from './step-parts.js';

/** For less it is not worth asking. */
const LEAST_MS = 1_000;

/**
 * Asks every worker what its part holds, and makes it one tree: the plan of the image.
 * @throws what merge() throws; EPIPE a worker was started anew since the cut
 */
export async function gather(parts: StepParts, { keeper, signal }: Underway): Promise<MergedTree> {
  const { connection, limits } = parts;
  const { checkpoint, request, rootPid, workers = [] } = keeper.record;
  const skeletons = await retrying(connection, { timeoutMs: limits.describeMs, signal }, async (leftMs) => {
    // Half of the time, or an answer that was lost would take all of it. A worker puts its part together once.
    const options = { timeoutMs: Math.max(leftMs / 2, Math.min(leftMs, LEAST_MS)), signal };
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
