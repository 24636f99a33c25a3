import { availableParallelism } from 'node:os';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { ByteSource, StoredPages, TaskTree } from '@ckptree/model';
import { LazyFill } from './lazy-fill.js';
import { type LoadOptions, throwIfAborted } from './load-memory.js';
import { LoadPool } from './load-pool.js';
import { mmsOf, withLeaves } from './loaded-tree.js';
import { locate } from './locate.js';
import { placePages } from './place-pages.js';

/** A tree whose pages have frames, and what brings their contents. */
export interface LazilyLoaded {
  readonly tree: TaskTree;
  readonly fill: LazyFill;
}

/** Threads for a lazy load: one that brings what tasks wait for, and others for the rest. */
export const startLazyPool = (
  memory: PhysicalMemory,
  { threads = availableParallelism() }: LoadOptions,
): LoadPool => new LoadPool(memory, threads + 1);

/**
 * As loadMemory(), but it is done when every page has a frame. Whoever touches a page waits until its contents are there.
 * @param pool as from startLazyPool(); the fill closes it
 * @returns undefined when the source can be read by the calling thread alone
 * @throws ENOMEM, EIO, EBADMSG, EINTR (aborted); then every frame is given back
 */
export async function loadLazily(
  memory: PhysicalMemory,
  tree: TaskTree<StoredPages>,
  source: ByteSource,
  { signal }: LoadOptions,
  pool: LoadPool,
): Promise<LazilyLoaded | undefined> {
  const { space, origin, close } = await locate(source, mmsOf(tree));
  if (origin.kind === 'source') return undefined;
  try {
    throwIfAborted(signal);
    const { leaves, plan } = placePages(memory, space, false);
    const fill = new LazyFill({ memory, plan, origin, pool, close });
    return { tree: withLeaves(tree, leaves, memory), fill };
  } catch (error) {
    await close();
    throw error;
  }
}
