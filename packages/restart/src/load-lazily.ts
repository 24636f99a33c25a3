import { availableParallelism } from 'node:os';
import type { PhysicalMemory } from '@ckptree/kernel/memory';
import type { ByteSource, StoredPages, TaskTree } from '@ckptree/model';
import { LazyFill } from './lazy-fill.js';
import { type LoadOptions, throwIfAborted } from './load-memory.js';
import { mmsOf, withLeaves } from './loaded-tree.js';
import { locate } from './locate.js';
import { placePages } from './place-pages.js';

/** A tree whose pages have frames, and what brings their contents. */
export interface LazilyLoaded {
  readonly tree: TaskTree;
  readonly fill: LazyFill;
}

/**
 * As loadMemory(), but it is done when every page has a frame. Whoever touches a page waits until its contents are there.
 * @returns undefined when the source can be read by the calling thread alone
 * @throws ENOMEM, EIO, EBADMSG, EINTR (aborted); then every frame is given back
 */
export async function loadLazily(
  memory: PhysicalMemory,
  tree: TaskTree<StoredPages>,
  source: ByteSource,
  { threads = availableParallelism(), signal }: LoadOptions,
): Promise<LazilyLoaded | undefined> {
  const { space, versions, origin, close } = await locate(source, mmsOf(tree));
  if (origin.kind === 'source') return undefined;
  try {
    throwIfAborted(signal);
    const { leaves, plan } = placePages(memory, space, false);
    const fill = new LazyFill({ memory, plan, origin, threads, close });
    return { tree: withLeaves(tree, { leaves, versions }, memory), fill };
  } catch (error) {
    await close();
    throw error;
  }
}
