import { availableParallelism } from 'node:os';
import { asCkptError, CkptError, type ErrorData, errorFromData } from '@ckptree/errors';
import { type PhysicalMemory, releaseLeaves } from '@ckptree/kernel';
import {
  type ByteSource,
  LEAF_ENTRIES,
  type Mm,
  PAGE_SIZE,
  type StoredPages,
  type Task,
  type TaskTree,
} from '@ckptree/model';
import { Piscina } from 'piscina';
import { type FileSource, isFileSource } from './file-source.js';
import { type LoadPart, type LoadSpan, loadPart } from './load-part.js';
import { loadFromSource } from './load-source.js';

/** Pages that one thread loads at a time: 16 MiB, some milliseconds of work. */
const PART_PAGES = 4096;
/** Below so many pages starting threads takes longer than loading. */
const INLINE_PAGES = 2048;

export interface LoadOptions {
  /** Threads that read pages; default: as many as the machine has cores. */
  readonly threads?: number;
  readonly onProgress?: (progress: { readonly bytes: number; readonly totalBytes: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Brings the memory of a tree into a kernel's frames.
 * @param source holds the pages; a file is read by threads, straight into frames
 * @returns the same tree with its memory in frames; the leaves hold the references
 * @throws ENOMEM, EIO, EINTR (aborted); then every frame is given back
 */
export async function loadMemory(
  memory: PhysicalMemory,
  tree: TaskTree<StoredPages>,
  source: ByteSource,
  options: LoadOptions = {},
): Promise<TaskTree> {
  const stored = new Set(tree.tasks.flatMap(({ mm }) => (mm === undefined ? [] : [mm])));
  const leaves = new Map<Mm<StoredPages>, Int32Array>();
  try {
    for (const mm of stored) leaves.set(mm, makeLeaves(memory, mm.memory.runs));
    memory.releaseBlock();
    await loadAll(memory, source, [...parts(leaves)], options);
  } catch (error) {
    for (const made of leaves.values()) releaseLeaves(memory, made);
    throw error;
  }
  const { arenas } = memory.handle;
  const mms = new Map(
    [...leaves].map(([mm, made]): [Mm<StoredPages>, Mm] => [mm, { ...mm, memory: { arenas, leaves: made } }]),
  );
  const tasks = tree.tasks.map(
    ({ mm, ...task }): Task => (mm === undefined ? task : { ...task, mm: mms.get(mm)! }),
  );
  return { rootPid: tree.rootPid, tasks };
}

/** Empty leaves for all pages of `runs`. */
function makeLeaves(memory: PhysicalMemory, runs: Float64Array): Int32Array {
  const pairs: number[] = [];
  try {
    for (let run = 0; run < runs.length; run += 3) {
      const firstPage = runs[run]! / PAGE_SIZE;
      const last = Math.floor((firstPage + runs[run + 2]! - 1) / LEAF_ENTRIES);
      let next = Math.floor(firstPage / LEAF_ENTRIES);
      if (next === pairs.at(-2)) next++;
      for (; next <= last; next++) pairs.push(next, memory.allocate());
    }
  } catch (error) {
    releaseLeaves(memory, Int32Array.from(pairs));
    throw error;
  }
  return Int32Array.from(pairs);
}

/** What is loaded at a time, and how much work it is. */
interface Work {
  readonly spans: readonly LoadSpan[];
  readonly pages: number;
}

/** Cuts what is to be loaded into parts of about PART_PAGES pages: large address spaces apart, small ones together. */
function* parts(leaves: ReadonlyMap<Mm<StoredPages>, Int32Array>): Generator<Work> {
  let spans: LoadSpan[] = [];
  let pages = 0;
  for (const [mm, made] of leaves) {
    let runs: number[] = [];
    const endSpan = () => {
      if (runs.length > 0) spans.push({ runs: Float64Array.from(runs), leaves: made });
      runs = [];
    };
    for (const [address, position, count] of shortRuns(mm.memory.runs)) {
      runs.push(address, position, count);
      pages += count;
      if (pages < PART_PAGES) continue;
      endSpan();
      yield { spans, pages };
      spans = [];
      pages = 0;
    }
    endSpan();
  }
  if (pages > 0) yield { spans, pages };
}

/** The runs, none longer than a part. */
function* shortRuns(
  runs: Float64Array,
): Generator<readonly [address: number, position: number, pages: number]> {
  for (let run = 0; run < runs.length; run += 3) {
    for (let done = 0; done < runs[run + 2]!; done += PART_PAGES) {
      const pages = Math.min(PART_PAGES, runs[run + 2]! - done);
      yield [runs[run]! + done * PAGE_SIZE, runs[run + 1]! + done * PAGE_SIZE, pages];
    }
  }
}

async function loadAll(
  memory: PhysicalMemory,
  source: ByteSource,
  work: readonly Work[],
  options: LoadOptions,
): Promise<void> {
  const { onProgress, signal } = options;
  const totalPages = work.reduce((sum, { pages }) => sum + pages, 0);
  let donePages = 0;
  const loaded = (pages: number) => {
    donePages += pages;
    onProgress?.({ bytes: donePages * PAGE_SIZE, totalBytes: totalPages * PAGE_SIZE });
  };
  if (isFileSource(source) && totalPages > INLINE_PAGES)
    return loadInThreads(memory, source, work, loaded, options);
  for (const { spans, pages } of work) {
    throwIfAborted(signal);
    if (isFileSource(source)) loadPart(memory, { fd: source.fd, path: source.path, spans });
    else await loadFromSource(memory, source, spans);
    loaded(pages);
  }
  memory.releaseBlock();
}

async function loadInThreads(
  memory: PhysicalMemory,
  { fd, path }: FileSource,
  work: readonly Work[],
  loaded: (pages: number) => void,
  { threads = availableParallelism(), signal }: LoadOptions,
): Promise<void> {
  const pool = new Piscina<LoadPart, ErrorData | undefined>({
    filename: new URL('./load.worker.cjs', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    workerData: { memory: memory.handle },
    trackUnmanagedFds: false,
  });
  try {
    let next = 0;
    let failure: unknown;
    // As many loops as threads: a failure stops them all, and every part that was begun has ended by then, so
    // that nobody writes to frames that are being given back.
    const loop = async () => {
      while (next < work.length && failure === undefined) {
        const { spans, pages } = work[next++]!;
        try {
          throwIfAborted(signal);
          const error = await pool.run({ fd, path, spans }, { name: 'load' });
          if (error !== undefined) throw errorFromData(error);
          loaded(pages);
        } catch (error) {
          failure ??= asCkptError(error);
        }
      }
    };
    await Promise.all(Array.from({ length: threads }, loop));
    if (failure !== undefined) throw failure;
  } finally {
    await pool.destroy();
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CkptError('EINTR', 'the restart was cancelled', {}, signal.reason);
}
