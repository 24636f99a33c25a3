import { merge, slice, type VmArea } from './vm-area.js';

/** Vmas ascending by address, not overlapping. Never changed in place, so that a snapshot may keep it. */
export type VmaList = readonly VmArea[];

/** A step from one list to the next: what of the old goes and what comes in its place. */
export interface VmaChange {
  readonly next: VmaList;
  readonly removed: VmaList;
  readonly added: VmaList;
}

/** Index of the first vma that ends behind an address: the one that holds it, or else the next (find_vma()). */
export function findVma(vmas: VmaList, address: number): number {
  let low = 0;
  let high = vmas.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (vmas[middle]!.end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The vmas that overlap a range. */
export function overlapping(vmas: VmaList, start: number, end: number): VmaList {
  return vmas.slice(findVma(vmas, start), endOfOverlap(vmas, end));
}

/** Index behind the last vma that begins before `end`. */
function endOfOverlap(vmas: VmaList, end: number): number {
  const index = findVma(vmas, end);
  return index < vmas.length && vmas[index]!.start < end ? index + 1 : index;
}

/**
 * Puts something else in the place of what is mapped in a range. Vmas that reach out of the range are split at its
 * ends, and the new ones merge with each other and with their neighbours where nothing tells them apart.
 * @param replace gets the parts within the range, returns what comes there instead
 */
export function rewrite(
  vmas: VmaList,
  start: number,
  end: number,
  replace: (inside: VmaList) => VmaList,
): VmaChange {
  const first = findVma(vmas, start);
  const behind = endOfOverlap(vmas, end);
  const inside: VmArea[] = [];
  const outer: { left: VmArea[]; right: VmArea[] } = { left: [], right: [] };
  for (const vma of vmas.slice(first, behind)) {
    if (vma.start < start) outer.left.push(slice(vma, vma.start, start));
    inside.push(slice(vma, Math.max(vma.start, start), Math.min(vma.end, end)));
    if (vma.end > end) outer.right.push(slice(vma, end, vma.end));
  }
  const replacement = replace(inside);
  // The neighbours take part in the merging only when there is something to merge with.
  const from = replacement.length > 0 && outer.left.length === 0 ? Math.max(first - 1, 0) : first;
  const to = replacement.length > 0 && outer.right.length === 0 ? Math.min(behind + 1, vmas.length) : behind;
  const removed = vmas.slice(from, to);
  const added = mergeNeighbours([
    ...vmas.slice(from, first),
    ...outer.left,
    ...replacement,
    ...outer.right,
    ...vmas.slice(behind, to),
  ]);
  return { next: vmas.toSpliced(from, to - from, ...added), removed, added };
}

function mergeNeighbours(vmas: VmaList): VmArea[] {
  const merged: VmArea[] = [];
  for (const vma of vmas) {
    const last = merged.at(-1);
    const both = last && merge(last, vma);
    if (both) merged[merged.length - 1] = both;
    else merged.push(vma);
  }
  return merged;
}

/**
 * Where `length` free bytes lie, as high as possible between two addresses. It follows from the list alone, as a
 * restarted task must get the same answer.
 */
export function unmappedArea(
  vmas: VmaList,
  length: number,
  lowest: number,
  highest: number,
): number | undefined {
  let end = highest;
  for (let index = endOfOverlap(vmas, highest) - 1; index >= 0; index--) {
    const vma = vmas[index]!;
    if (end - vma.end >= length) break;
    end = Math.min(end, vma.start);
  }
  return end - length >= lowest ? end - length : undefined;
}
