import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE } from '@ckptree/model';
import type { MemoryLayout } from '../image/image-layout.js';

/** Pages that are to be read. */
export interface Run {
  readonly address: number;
  readonly position: number;
  readonly pages: number;
  /** Number of the first of them, among all pages of the memory that are to be read. */
  readonly firstPage: number;
}

/** Pages that are not: all that the baseline has from `start` to before `end`. */
export interface KeptRange {
  readonly start: number;
  readonly end: number;
  readonly position: number;
  readonly pages: number;
}

/** Pages that follow on each other in the image: those of one batch, for something always stands between two. */
export interface BatchCut {
  /** Of the first page, in the image. */
  readonly position: number;
  readonly pages: number;
  readonly runs: readonly Run[];
  readonly kept: readonly KeptRange[];
}

interface OpenBatch extends BatchCut {
  pages: number;
  readonly runs: Run[];
  readonly kept: KeptRange[];
}

/** @throws EINVAL pages are said to be kept and something else is kept there */
export function* batchesOf(memory: MemoryLayout): Iterable<BatchCut> {
  let batch: OpenBatch | undefined;
  for (const stretch of stretchesOf(memory)) {
    if (batch !== undefined && batch.position + batch.pages * PAGE_SIZE !== stretch.position) {
      yield batch;
      batch = undefined;
    }
    batch ??= { position: stretch.position, pages: 0, runs: [], kept: [] };
    batch.pages += stretch.pages;
    if ('end' in stretch) batch.kept.push(stretch);
    else batch.runs.push(stretch);
  }
  if (batch !== undefined) yield batch;
}

/** Runs and kept ranges, in the order of the image. */
function* stretchesOf(memory: MemoryLayout): Iterable<Run | KeptRange> {
  const kept = keptOf(memory);
  let next = kept.next();
  for (const run of runsOf(memory)) {
    for (; !next.done && next.value.position < run.position; next = kept.next()) yield next.value;
    yield run;
  }
  for (; !next.done; next = kept.next()) yield next.value;
}

function* runsOf({ runs }: MemoryLayout): Iterable<Run> {
  let firstPage = 0;
  for (let index = 0; index < runs.length; index += 3) {
    const pages = runs[index + 2]!;
    yield { address: runs[index]!, position: runs[index + 1]!, pages, firstPage };
    firstPage += pages;
  }
}

function* keptOf({ kept, owner }: MemoryLayout): Generator<KeptRange, undefined> {
  if (kept === undefined) return;
  const { baseline, ranges } = kept;
  for (let index = 0; index < ranges.length; index += 4) {
    const [start, end, position, pages] = ranges.subarray(index, index + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (baseline.pagesIn(start, end) !== pages)
      throw new CkptError(
        'EINVAL',
        `the layout keeps ${pages} pages of task ${owner.pid} from ${start.toString(16)} to ${end.toString(16)}, and the checkpoint before has ${baseline.pagesIn(start, end)}`,
        { pid: owner.pid },
      );
    yield { start, end, position, pages };
  }
}
