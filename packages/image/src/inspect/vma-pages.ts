import { PAGE_SIZE, type StoredPages, type Vma } from '@ckptree/model';
import { RUN } from '../read/runs.js';

/** A part of a run of stored pages, all of it inside one vma. */
export interface VmaRun {
  readonly address: number;
  readonly position: number;
  readonly pages: number;
}

/** For each vma, the runs of its pages. Both are ascending, so one pass does. */
export function runsByVma(vmas: readonly Vma[], { runs }: StoredPages): VmaRun[][] {
  let at = 0;
  let skip = 0;
  return vmas.map(({ start, end }) => {
    const inside: VmaRun[] = [];
    while (at < runs.length) {
      const address = runs[at]! + skip * PAGE_SIZE;
      if (address >= end) break;
      const left = runs[at + 2]! - skip;
      const pages = Math.min(left, (end - address) / PAGE_SIZE);
      if (address >= start) inside.push({ address, position: runs[at + 1]! + skip * PAGE_SIZE, pages });
      skip += pages;
      if (pages === left) {
        at += RUN;
        skip = 0;
      }
    }
    return inside;
  });
}
