import { batchSize } from '@ckptree/image';
import type { Batch, Plan, Range } from './plan.js';

/** A stretch of the image that one thread writes at once. Plain data over shared memory. */
export interface Part {
  /** Byte position in the image, and bytes. */
  readonly position: number;
  readonly size: number;
  /** The plan's records, all of them, and which of them are this part's. */
  readonly records: Uint8Array;
  readonly range: Range;
  readonly batches: readonly Batch[];
}

/** A part smaller than this is not worth its message; one larger leaves other threads idle at the end. */
const SMALLEST = 4 * 1024 * 1024;
const LARGEST = 64 * 1024 * 1024;
/** Parts for each thread, so that they end at about the same time. */
const PARTS_PER_THREAD = 4;

/** Cuts the image into parts, before a batch each, of about the same size. */
export function splitIntoParts({ size, records, batches }: Plan, threads: number): Part[] {
  const wanted = Math.min(LARGEST, Math.max(SMALLEST, size / (threads * PARTS_PER_THREAD)));
  const parts: Part[] = [];
  let first = 0;
  let position = 0;
  let recordsFrom = 0;
  const cutBefore = (index: number): void => {
    const next = batches[index];
    const end = next?.position ?? size;
    const recordsEnd = next?.recordsAt ?? records.length;
    const range = { start: recordsFrom, end: recordsEnd };
    parts.push({ position, size: end - position, records, range, batches: batches.slice(first, index) });
    [first, position, recordsFrom] = [index, end, recordsEnd];
  };
  for (const [index, batch] of batches.entries())
    if (index > first && batch.position + batchSize(batch.pages) - position > wanted) cutBefore(index);
  cutBefore(batches.length);
  return parts;
}
