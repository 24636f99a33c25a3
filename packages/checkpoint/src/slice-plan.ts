import type { Plan, PlanFigures, Range } from './plan.js';

/**
 * A stretch of a planned image as a plan of its own. Records and batches stay where they are.
 * @param stretch byte positions between two segments
 */
export function slicePlan(
  { records, batches, segments }: Plan,
  { start, end }: Range,
  figures: Omit<PlanFigures, 'pages'>,
): Plan {
  const [from, to] = [firstAt(segments, start), firstAt(segments, end)];
  const [first, last] = [segments[from], segments[to - 1]];
  const recordsFrom = first?.records.start ?? 0;
  const batchesFrom = first?.batches.start ?? 0;
  const rebase = (range: Range, by: number): Range => ({ start: range.start - by, end: range.end - by });
  const own = batches.slice(batchesFrom, last?.batches.end ?? 0);
  return {
    size: end - start,
    records: records.subarray(recordsFrom, last?.records.end ?? 0),
    batches: own.map(({ position, recordsAt, ...batch }) => ({
      ...batch,
      position: position - start,
      recordsAt: recordsAt - recordsFrom,
    })),
    segments: segments.slice(from, to).map((segment) => ({
      ...segment,
      position: segment.position - start,
      records: rebase(segment.records, recordsFrom),
      batches: rebase(segment.batches, batchesFrom),
    })),
    figures: { ...figures, pages: own.reduce((sum, { pages }) => sum + pages, 0) },
  };
}

/** Index of the first one at or behind a position; they ascend. */
function firstAt(list: readonly { readonly position: number }[], position: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]!.position < position) low = middle + 1;
    else high = middle;
  }
  return low;
}
