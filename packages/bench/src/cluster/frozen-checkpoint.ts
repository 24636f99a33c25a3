import type { Timing } from '../measure.js';
import type { BenchCluster, BenchTree } from './bench-cluster.js';

/** The same image for one worker and for two: each of the two tasks has half of the memory. */
const TASKS = 2;

/** Of services that have just been started: until then they compile most of what a checkpoint runs. */
export const WARM_UPS = 3;

/**
 * What a checkpoint takes of a frozen tree of its own, over so many workers: what is in the store already would cost next
 * to nothing.
 */
export async function frozenCheckpoint(
  cluster: BenchCluster,
  { memoryMiB, workers, pattern }: Pick<BenchTree, 'memoryMiB' | 'workers' | 'pattern'>,
): Promise<Timing> {
  const taskMiB = Math.ceil(memoryMiB / TASKS);
  const started = await cluster.spawn({ tasks: TASKS, memoryMiB: taskMiB, workers, pattern });
  await cluster.filled(started.tree, taskMiB);
  await cluster.client.freeze(started.rootPid);
  const timing = await cluster.checkpoint(started.rootPid);
  await cluster.kill(started);
  return timing;
}
