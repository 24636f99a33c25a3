import { CkptError } from '@ckptree/errors';
import { PAGE_SIZE, type StoredPages, type Vma, vmaRange } from '@ckptree/model';
import type { LoadSegment } from './read-segments.js';

/**
 * Where the pages of the vmas stand in the core: runs that never cross from one vma into the next.
 * @throws EBADMSG a segment lies outside of the vmas, or the pages of one that has no contents are there
 */
export function storedPages(vmas: readonly Vma[], segments: readonly LoadSegment[]): StoredPages {
  const runs: number[] = [];
  let index = 0;
  for (const segment of segments) {
    for (let start = segment.start; start < segment.end; ) {
      while (index < vmas.length && vmas[index]!.end <= start) index++;
      const vma = vmas[index];
      if (vma === undefined || vma.start > start) throw strayMemory(segment, start);
      const end = Math.min(segment.end, vma.end);
      const filled = Math.min(end, segment.start + segment.filled) - start;
      if (filled > 0 && vma.ops === 'special') throw specialContents(segment, vma);
      if (filled > 0) addRun(runs, start, segment.position + (start - segment.start), filled, vma.start);
      start = end;
    }
  }
  return { runs: Float64Array.from(runs) };
}

/** Appends a run, or lengthens the last one when this one continues it within the vma that begins at `vmaStart`. */
function addRun(runs: number[], address: number, position: number, bytes: number, vmaStart: number): void {
  const last = runs.length - 3;
  const pages = bytes / PAGE_SIZE;
  const continues =
    last >= 0 &&
    address > vmaStart &&
    runs[last]! + runs[last + 2]! * PAGE_SIZE === address &&
    runs[last + 1]! + runs[last + 2]! * PAGE_SIZE === position;
  if (continues) runs[last + 2]! += pages;
  else runs.push(address, position, pages);
}

function strayMemory({ header }: LoadSegment, address: number): CkptError {
  return new CkptError(
    'EBADMSG',
    `the core has memory at 0x${address.toString(16)}, where its own list of vmas has none (byte ${header})`,
    { position: header },
  );
}

function specialContents({ header }: LoadSegment, vma: Vma): CkptError {
  return new CkptError(
    'EBADMSG',
    `the core has pages of ${vma.name ?? 'a special mapping'}, which cannot have contents (byte ${header})`,
    { position: header, vma: vmaRange(vma) },
  );
}
