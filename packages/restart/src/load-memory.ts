import { availableParallelism } from 'node:os';
import { CkptError } from '@ckptree/errors';
import { type PhysicalMemory, releaseLeaves } from '@ckptree/kernel';
import {
  type ByteSource,
  type Mm,
  PAGE_SIZE,
  type StoredPages,
  type Task,
  type TaskTree,
} from '@ckptree/model';
import { isStoredImage, locateInStore } from './chunk-space.js';
import { isFileSource } from './file-source.js';
import { loadInThreads } from './load-in-threads.js';
import { abandonLoad, type LoadPlan, loadedPages, neededPages } from './load-plan.js';
import { loadFromSource } from './load-source.js';
import { loadUnits } from './load-unit.js';
import { type Located, locateInFile, locateInSource, stretchesOf } from './page-space.js';
import { placePages } from './place-pages.js';
import { unitReader } from './unit-reader.js';
import { mapZeroPages } from './zero-pages.js';

/** Below so many pages starting threads takes longer than loading. */
const INLINE_PAGES = 4096;

export interface LoadOptions {
  /** Threads that read pages; default: as many as the machine has cores. */
  readonly threads?: number;
  readonly onProgress?: (progress: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Brings the memory of a tree into a kernel's frames.
 * @param source holds the pages; files and chunks of a store are read by threads
 * @returns the same tree with its memory in frames; the leaves hold the references
 * @throws ENOMEM, EIO, EBADMSG, EINTR (aborted); then every frame is given back
 */
export async function loadMemory(
  memory: PhysicalMemory,
  tree: TaskTree<StoredPages>,
  source: ByteSource,
  options: LoadOptions = {},
): Promise<TaskTree> {
  const mms = [...new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm])))];
  const { space, origin, close } = await locate(source, mms);
  try {
    const { leaves, plan } = placePages(memory, space, space.needed === undefined);
    try {
      await load(memory, plan, origin, options);
      if (plan.zeros !== undefined) mapZeroPages(memory, space.pieces, leaves, plan.zeros);
      return withMemory(tree, leaves, memory);
    } catch (error) {
      abandonLoad(memory, plan);
      for (const made of leaves.values()) releaseLeaves(memory, made);
      throw error;
    }
  } finally {
    await close();
  }
}

async function locate(source: ByteSource, mms: readonly Mm<StoredPages>[]): Promise<Located> {
  const inChunks = isStoredImage(source) ? await locateInStore(source, mms) : undefined;
  if (inChunks !== undefined) return inChunks;
  const stretches = stretchesOf(mms);
  return isFileSource(source) ? locateInFile(source, stretches) : locateInSource(source, stretches);
}

async function load(
  memory: PhysicalMemory,
  plan: LoadPlan,
  origin: Located['origin'],
  { threads = availableParallelism(), onProgress, signal }: LoadOptions,
): Promise<void> {
  const pages = neededPages(plan);
  const look = (): void => {
    if (signal?.aborted) throw new CkptError('EINTR', 'the restart was cancelled', {}, signal.reason);
    onProgress?.({ bytes: loadedPages(plan) * PAGE_SIZE, totalBytes: pages * PAGE_SIZE });
  };
  look();
  if (origin.kind === 'source') await loadFromSource(memory, plan, origin, look);
  else if (pages > INLINE_PAGES) await loadInThreads(memory, plan, origin, threads, look);
  else {
    loadUnits(memory, plan, unitReader(plan, origin));
    look();
  }
}

/** The tree with its memory in frames. */
function withMemory(
  tree: TaskTree<StoredPages>,
  leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>,
  { handle: { arenas } }: PhysicalMemory,
): TaskTree {
  const mms = new Map(
    [...leaves].map(([mm, made]): [Mm<StoredPages>, Mm] => [mm, { ...mm, memory: { arenas, leaves: made } }]),
  );
  const tasks = tree.tasks.map(
    ({ mm, ...task }): Task => (mm === undefined ? task : { ...task, mm: mms.get(mm)! }),
  );
  return { rootPid: tree.rootPid, tasks };
}
