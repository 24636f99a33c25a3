import { CkptError } from '@ckptree/errors';
import { type Mm, PAGE_SIZE, type StoredPages, type Vma, vmaRange } from '@ckptree/model';

/** A segment to be written: bytes `start` to `end`, of which the first `filled` get into the file. */
export interface PlannedLoad {
  readonly start: number;
  readonly end: number;
  readonly filled: number;
  readonly vma: Vma;
}

/** A run of pages: bytes `start` to `end` of memory, from byte `position` of the source. */
export interface Run {
  readonly start: number;
  readonly end: number;
  readonly position: number;
}

export function* runsOf({ runs }: StoredPages): Generator<Run> {
  for (let index = 0; index + 2 < runs.length; index += 3) {
    const start = runs[index]!;
    yield { start, end: start + runs[index + 2]! * PAGE_SIZE, position: runs[index + 1]! };
  }
}

/**
 * The segments of an address space: one for each stretch of pages that are there together with the absent ones behind
 * it, none across two vmas. So a page is in the core if and only if it is in the image, and the segments together
 * cover the vmas; except special mappings, which have no contents, so that gdb would look for the vdso there in vain.
 * The contents follow one another in the file in this order, which is that of the runs.
 * @throws EINVAL pages that lie in no vma, or in one that has no contents; runs or vmas out of order
 */
export function* planLoads({
  vmas,
  memory,
}: Pick<Mm<StoredPages>, 'vmas' | 'memory'>): Generator<PlannedLoad> {
  const stretches = present(memory);
  let next = stretches.next();
  let behind = 0;
  for (const vma of vmas) {
    if (vma.start < behind || vma.end <= vma.start) throw outOfOrder(vma);
    behind = vma.end;
    let start = vma.start;
    let filled = 0;
    while (next.done !== true && next.value.start < vma.end) {
      const stretch = next.value;
      if (stretch.start < vma.start || vma.ops === 'special') throw misplaced(stretch.start);
      if (stretch.start > start) yield { start, end: stretch.start, filled, vma };
      start = stretch.start;
      const end = Math.min(stretch.end, vma.end);
      filled = end - start;
      next = end < stretch.end ? { done: false, value: { start: end, end: stretch.end } } : stretches.next();
    }
    if (vma.ops !== 'special') yield { start, end: vma.end, filled, vma };
  }
  if (next.done !== true) throw misplaced(next.value.start);
}

/** The runs, joined where one goes on at the address at which the last one ended. */
function* present(memory: StoredPages): Generator<{ start: number; end: number }> {
  let stretch: { start: number; end: number } | undefined;
  for (const { start, end } of runsOf(memory)) {
    if (stretch !== undefined && start < stretch.end) throw misplaced(start);
    if (stretch?.end === start) stretch = { start: stretch.start, end };
    else {
      if (stretch !== undefined) yield stretch;
      stretch = { start, end };
    }
  }
  if (stretch !== undefined) yield stretch;
}

function misplaced(address: number): CkptError {
  return new CkptError(
    'EINVAL',
    `there are pages at 0x${address.toString(16)}, where no vma can have any: the task tree contradicts itself`,
  );
}

function outOfOrder(vma: Vma): CkptError {
  return new CkptError('EINVAL', `the vma ${vmaRange(vma)} is empty or not behind the one before it`, {
    vma: vmaRange(vma),
  });
}
