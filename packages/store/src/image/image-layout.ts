import { readTree } from '@ckptree/image';
import type { Arenas, ByteSource, Mm, StoredPages, TaskTree } from '@ckptree/model';
import type { Baseline } from './baseline.js';
import type { TreeSummary } from './manifest.js';
import type { Owner } from './recipe.js';

/** Stretches of an image that are to be stored, one behind the other: their bytes, and where among them the pages are. */
export interface PartLayout {
  /** Bytes. */
  readonly size: number;
  /** All of them. Read once, one read after the other, in large pieces, mostly forwards. */
  readonly source: ByteSource;
  /** In the order of the image. */
  readonly memories: readonly MemoryLayout[];
  /** Is called before each stretch of some MiB: what it throws ends the put. */
  readonly check?: () => void;
}

/** A whole image. */
export interface ImageLayout extends PartLayout {
  readonly tree: TreeSummary;
}

/** The pages of one address space. */
export interface MemoryLayout {
  readonly owner: Owner;
  /** The task that `owner` was forked from: its memory may hold the same pages. */
  readonly ppid: number;
  /** Triples (address, position in the image, pages), ascending. */
  readonly runs: Float64Array;
  /** The pages that are not in the runs, for they are known to be unchanged. */
  readonly kept?: KeptPages;
  /**
   * One number for each page, in the order of the runs; the same number means the same content. With it, frames that
   * tasks share are neither hashed nor compared.
   */
  readonly frames?: Int32Array;
  /** Where those frames are, if they are frames of shared memory: the pages are read there, by threads, in place of the source. */
  readonly arenas?: Arenas;
}

/** Pages that are in the store as they are, for they are in the checkpoint before. */
export interface KeptPages {
  /** As `Session.baseline` gave it. */
  readonly baseline: Baseline;
  /**
   * Quadruples (start, end, position in the image, pages), ascending: all `pages` pages that the baseline has from
   * `start` to before `end`, and no others, belong into the image there.
   */
  readonly ranges: Float64Array;
}

/**
 * The layout of any valid image.
 * @throws EBADMSG and others as `readTree` does: it is not valid
 */
export async function readLayout(source: ByteSource): Promise<ImageLayout> {
  const { tree, bytes } = await readTree(source);
  return { size: bytes, source, ...describeTree(tree) };
}

/** What a tree says of itself: the memories, each once, and the summary. */
export function describeTree(tree: TaskTree<StoredPages>): Pick<ImageLayout, 'memories' | 'tree'> {
  const memories = new Map<Mm<StoredPages>, MemoryLayout>();
  let pages = 0;
  for (const { mm, pid, ppid, comm } of tree.tasks) {
    if (mm === undefined || memories.has(mm)) continue;
    const { runs } = mm.memory;
    memories.set(mm, { owner: { pid, comm }, ppid, runs });
    for (let index = 2; index < runs.length; index += 3) pages += runs[index]!;
  }
  const ordered = [...memories.values()].sort((a, b) => firstPosition(a) - firstPosition(b));
  const { rootPid, tasks } = tree;
  const summary = { rootPid, comm: tasks[0]?.comm ?? '', tasks: tasks.length, mms: memories.size, pages };
  return { memories: ordered, tree: summary };
}

const firstPosition = ({ runs }: MemoryLayout): number => runs[1] ?? 0;
