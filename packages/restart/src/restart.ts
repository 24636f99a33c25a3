import { type ImageContents, readTree } from '@ckptree/image';
import type { Forest, Kernel } from '@ckptree/kernel';
import type { ByteSource, StoredPages, TaskTree } from '@ckptree/model';
import { openFileSource } from './file-source.js';
import { type LoadOptions, loadMemory } from './load-memory.js';
import { type PartOptions, partOfImage } from './part-of-image.js';
import { checkRestartable } from './restartable.js';

export interface RestartOptions extends LoadOptions {
  /** Leave the tree frozen; `kernel.thaw(rootPid)` lets it run. */
  readonly frozen?: boolean;
}

export interface RestartResult {
  readonly rootPid: number;
  readonly contents: ImageContents;
}

/**
 * Restarts the tree of an image file. The whole structure of the image is checked, and so are the programs and files that
 * it names, before anything is built; whatever fails, nothing is left behind.
 * @throws EBADMSG the image is damaged; EIO it holds a failed checkpoint; ENOSYS it holds what cannot be restarted; ENOENT
 * a program or file is missing; ESTALE a file has changed; EEXIST a pid is taken; ENOMEM; EINTR aborted
 */
export async function restartImage(
  kernel: Kernel,
  path: string,
  options: RestartOptions = {},
): Promise<RestartResult> {
  const file = openFileSource(path);
  try {
    return await restartSource(kernel, file, options);
  } finally {
    file.close();
  }
}

/** Restarts the tree of an image that is anywhere: a checkpoint of a store, for example. @throws as restartImage() */
export async function restartSource(
  kernel: Kernel,
  source: ByteSource,
  options: RestartOptions = {},
): Promise<RestartResult> {
  const contents = await readTree(source);
  const rootPid = await hostTree(kernel, source, contents.tree, options);
  return { rootPid, contents };
}

/**
 * Hosts a tree whose pages lie in anything that can be read: an image, a core.
 * @returns the root's pid
 */
export async function hostTree(
  kernel: Kernel,
  source: ByteSource,
  tree: TaskTree<StoredPages>,
  options: RestartOptions = {},
): Promise<number> {
  await checkRestartable(tree);
  const loaded = await loadMemory(kernel.memory, tree, source, options);
  return kernel.adopt(loaded, { frozen: options.frozen ?? false });
}

/**
 * Loads what one worker hosts of a tree that is spread over several. Its tasks are held until all have loaded theirs: then
 * `start()` lets them run, or `abandon()` ends them.
 * @param tree the whole tree, as the image has it
 * @throws as restartImage(), of this part alone; EINVAL, ESRCH see partOfImage()
 */
export async function hostPart(
  kernel: Kernel,
  source: ByteSource,
  tree: TaskTree<StoredPages>,
  { treeId, worker, placement, ...loading }: PartOptions & LoadOptions,
): Promise<Forest> {
  const part = partOfImage(tree, { treeId, worker, placement });
  await checkRestartable(part);
  return kernel.loadAdopted(await loadMemory(kernel.memory, part, source, loading));
}
