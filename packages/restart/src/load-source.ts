import { CkptError } from '@ckptree/errors';
import type { PhysicalMemory } from '@ckptree/kernel';
import { type ByteSource, PAGE_SIZE } from '@ckptree/model';
import { type LoadSpan, placeRun } from './load-part.js';

/** Pages that are read at once, at most: 16 MiB. */
const READ_PAGES = 4096;

/** Pages that stand one behind the other in the source, though not always in memory. */
interface Stretch {
  readonly position: number;
  pages: number;
  /** Indexes in the runs of the span; `end` is behind the last. */
  readonly start: number;
  end: number;
}

/**
 * As loadPart(), from what is no file: its bytes come to this thread and are copied into frames.
 * @throws ENOMEM no frames left; EIO the source ends too early; what the source throws
 */
export async function loadFromSource(
  memory: PhysicalMemory,
  source: ByteSource,
  spans: readonly LoadSpan[],
): Promise<void> {
  for (const { runs, leaves } of spans)
    for (const { position, pages, start, end } of stretches(runs)) {
      const bytes = await source.read(position, pages * PAGE_SIZE);
      if (bytes.length < pages * PAGE_SIZE)
        throw new CkptError(
          'EIO',
          `the image ends at byte ${position + bytes.length}, in the middle of a page`,
          {
            position: position + bytes.length,
          },
        );
      let done = 0;
      for (let run = start; run < end; run += 3)
        for (const frames of placeRun(memory, runs[run]!, runs[run + 2]!, leaves)) {
          frames.set(bytes.subarray(done, done + frames.length));
          done += frames.length;
        }
    }
}

/** Runs that one read brings. */
function* stretches(runs: Float64Array): Generator<Stretch> {
  let open: Stretch | undefined;
  for (let run = 0; run < runs.length; run += 3) {
    const [position, pages] = [runs[run + 1]!, runs[run + 2]!];
    if (open?.position === position - (open?.pages ?? 0) * PAGE_SIZE && open.pages + pages <= READ_PAGES) {
      open.pages += pages;
      open.end = run + 3;
      continue;
    }
    if (open !== undefined) yield open;
    open = { position, pages, start: run, end: run + 3 };
  }
  if (open !== undefined) yield open;
}
