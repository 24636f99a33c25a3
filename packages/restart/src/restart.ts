import { asCkptError } from '@ckptree/errors';
import { type ImageContents, readTree } from '@ckptree/image';
import type { Forest, Kernel } from '@ckptree/kernel';
import type { ByteSource, StoredPages, TaskTree } from '@ckptree/model';
import { isStoredImage } from './chunk-space.js';
import { openFileSource } from './file-source.js';
import { loadLazily } from './load-lazily.js';
import { type LoadOptions, loadMemory, startPool } from './load-memory.js';
import type { LoadPool } from './load-pool.js';
import { type PartOptions, partOfImage } from './part-of-image.js';
import { checkRestartable } from './restartable.js';

export interface HostOptions extends LoadOptions {
  /**
   * Let the tasks run before their memory is there: a page is fetched when it is touched, the rest meanwhile. What only
   * the calling thread can read (neither a file nor a store in a folder) is loaded first all the same.
   */
  readonly lazy?: boolean;
}

export interface RestartOptions extends HostOptions {
  /** Leave the tree frozen; `kernel.thaw(rootPid)` lets it run. */
  readonly frozen?: boolean;
}

export interface Hosted {
  readonly rootPid: number;
  /**
   * Resolves when all memory is there: at once unless `lazy` was asked for. Rejects when some of it cannot be had (EIO,
   * EBADMSG, EPIPE; EINTR: the kernel was shut down before): a task that touches that is ended by SIGBUS, and a
   * checkpoint of it fails.
   */
  readonly filled: Promise<void>;
}

export interface RestartResult extends Hosted {
  readonly contents: ImageContents;
}

/**
 * Restarts the tree of an image file. The whole structure of the image is checked, and so are the programs and files that
 * it names, before anything is built; whatever fails, nothing is left behind.
 * @throws EBADMSG the image is damaged; EIO it holds a failed checkpoint; ENOSYS it holds what cannot be restarted; ENOENT
 * a program or file is missing; ESTALE a file has changed; E2BIG a file is too large to be read; EEXIST a pid is taken; ENOMEM; EINTR aborted
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

/**
 * Restarts the tree of an image that is anywhere: a checkpoint of a store, for example. The source may be closed when it
 * has returned.
 * @throws as restartImage()
 */
export function restartSource(
  kernel: Kernel,
  source: ByteSource,
  options: RestartOptions = {},
): Promise<RestartResult> {
  return withPool(kernel, source, options, async (pool) => {
    const contents = await readTree(isStoredImage(source) ? source.withoutPages() : source);
    return { ...(await hostWhole(kernel, source, contents.tree, options, pool)), contents };
  });
}

/** Hosts a tree whose pages lie in anything that can be read: an image, a core. @throws as restartImage() */
export function hostTree(
  kernel: Kernel,
  source: ByteSource,
  tree: TaskTree<StoredPages>,
  options: RestartOptions = {},
): Promise<Hosted> {
  return withPool(kernel, source, options, (pool) => hostWhole(kernel, source, tree, options, pool));
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
  { treeId, worker, placement, ...options }: PartOptions & HostOptions,
): Promise<Forest> {
  const part = partOfImage(tree, { treeId, worker, placement });
  const { value } = await host(kernel, source, part, options, undefined, (loaded) =>
    kernel.loadAdopted(loaded),
  );
  return value;
}

async function hostWhole(
  kernel: Kernel,
  source: ByteSource,
  tree: TaskTree<StoredPages>,
  options: RestartOptions,
  pool: LoadPool | undefined,
): Promise<Hosted> {
  const { frozen = false } = options;
  const { value: rootPid, filled } = await host(kernel, source, tree, options, pool, (loaded) =>
    kernel.adopt(loaded, { frozen }),
  );
  return { rootPid, filled };
}

/** Starts the threads that a large image will need, so that they are there when its structure has been read. */
async function withPool<Result>(
  { memory }: Kernel,
  source: ByteSource,
  options: HostOptions,
  use: (pool: LoadPool | undefined) => Promise<Result>,
): Promise<Result> {
  const pool = options.lazy ? undefined : startPool(memory, source, options);
  try {
    return await use(pool);
  } finally {
    await pool?.close();
  }
}

/** @param adopt has the kernel take over the tree */
async function host<Value>(
  kernel: Kernel,
  source: ByteSource,
  tree: TaskTree<StoredPages>,
  options: HostOptions,
  pool: LoadPool | undefined,
  adopt: (loaded: TaskTree) => Promise<Value>,
): Promise<{ readonly value: Value; readonly filled: Promise<void> }> {
  await checkRestartable(tree, options.signal);
  const lazily = options.lazy ? await loadLazily(kernel.memory, tree, source, options) : undefined;
  if (lazily === undefined) {
    const value = await adopt(await loadMemory(kernel.memory, tree, source, options, pool));
    return { value, filled: Promise.resolve() };
  }
  const { fill } = lazily;
  kernel.follow(fill);
  try {
    return { value: await adopt(lazily.tree), filled: fill.done };
  } catch (error) {
    await fill.stop(asCkptError(error));
    throw error;
  }
}
