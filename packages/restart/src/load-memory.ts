import { availableParallelism } from 'node:os';
import { CkptError, errorFromData } from '@ckptree/errors';
import { type PhysicalMemory, releaseLeaves } from '@ckptree/kernel';
import { type ByteSource, PAGE_SIZE, type StoredPages, type TaskTree } from '@ckptree/model';
import { type LoadPlan, neededPages, type Origin, unitsOf } from './load-plan.js';
import { LoadPool } from './load-pool.js';
import { isLoaded, loadedPages, stopLoad } from './load-progress.js';
import { loadFromSource } from './load-source.js';
import { dropUnit, loadUnits } from './load-unit.js';
import { mmsOf, withLeaves } from './loaded-tree.js';
import { type Located, locate } from './locate.js';
import { placePages } from './place-pages.js';
import { unitReader } from './unit-reader.js';
import { mapZeroPages } from './zero-pages.js';

/** Below so many pages starting threads takes longer than loading. */
const INLINE_PAGES = 4096;
/** How often the caller is told how far it is. */
const PROGRESS_MS = 100;

export interface LoadOptions {
  /** Threads that read pages; default: as many as the machine has cores. */
  readonly threads?: number;
  readonly onProgress?: (progress: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

/** Starts the threads for a load ahead of it, if its source is known to be so large that it will need them. */
export function startPool(
  memory: PhysicalMemory,
  source: ByteSource,
  { threads = availableParallelism() }: LoadOptions,
): LoadPool | undefined {
  const size = 'size' in source && typeof source.size === 'number' ? source.size : 0;
  return size > INLINE_PAGES * PAGE_SIZE ? new LoadPool(memory, threads) : undefined;
}

/**
 * Brings the memory of a tree into a kernel's frames.
 * @param source holds the pages; files and chunks of a store are read by threads
 * @param pool   threads of that kernel, if there are any; they stay the caller's
 * @returns the same tree with its memory in frames; the leaves hold the references
 * @throws ENOMEM, EIO, EBADMSG, EINTR (aborted); then every frame is given back
 */
export async function loadMemory(
  memory: PhysicalMemory,
  tree: TaskTree<StoredPages>,
  source: ByteSource,
  options: LoadOptions = {},
  pool?: LoadPool,
): Promise<TaskTree> {
  const { space, versions, origin, close } = await locate(source, mmsOf(tree));
  try {
    const { leaves, plan } = placePages(memory, space, space.needed === undefined);
    try {
      await load(memory, plan, origin, options, pool);
      if (plan.zeros !== undefined) mapZeroPages(memory, space.pieces, leaves, plan.zeros);
      return withLeaves(tree, { leaves, versions }, memory);
    } catch (error) {
      // No thread is at work any more.
      for (let unit = 0; unit < unitsOf(plan); unit++)
        if (!isLoaded(plan.progress, unit)) dropUnit(memory, plan, unit);
      for (const made of leaves.values()) releaseLeaves(memory, made);
      throw error;
    }
  } finally {
    await close();
  }
}

async function load(
  memory: PhysicalMemory,
  plan: LoadPlan,
  origin: Located['origin'],
  options: LoadOptions,
  pool: LoadPool | undefined,
): Promise<void> {
  const { threads = availableParallelism(), onProgress, signal } = options;
  const pages = neededPages(plan);
  const look = (): void => {
    throwIfAborted(signal);
    onProgress?.({ bytes: loadedPages(plan.progress) * PAGE_SIZE, totalBytes: pages * PAGE_SIZE });
  };
  look();
  if (origin.kind === 'source') return loadFromSource(memory, plan, origin, look);
  if (pages <= INLINE_PAGES) await loadUnits(memory, plan, unitReader(plan, origin));
  else if (pool !== undefined) await loadInThreads(pool, plan, origin, look);
  else {
    const own = new LoadPool(memory, threads);
    await loadInThreads(own, plan, origin, look).finally(() => own.close());
  }
  look();
}

/**
 * Loads all units in threads. When it returns or throws, none of them is at work any more.
 * @param look called now and then; what it throws ends the load
 */
async function loadInThreads(
  pool: LoadPool,
  plan: LoadPlan,
  origin: Origin,
  look: () => void,
): Promise<void> {
  let stopped: unknown;
  const stop = (error: unknown): void => {
    stopped ??= error;
    stopLoad(plan.progress);
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      stop(error);
    }
  }, PROGRESS_MS);
  const run = async (): Promise<void> => {
    try {
      const failure = await pool.run({ kind: 'load', plan, origin });
      if (failure !== undefined) stop(errorFromData(failure));
    } catch (error) {
      stop(error);
    }
  };
  await Promise.all(Array.from({ length: pool.threads }, run));
  clearInterval(timer);
  if (stopped !== undefined) throw stopped;
}

/** @throws EINTR */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CkptError('EINTR', 'the restart was cancelled', {}, signal.reason);
}
