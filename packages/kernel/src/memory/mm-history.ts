import { randomUUID } from 'node:crypto';
import { MAX_EPOCH, type MemoryVersions } from '@ckptree/model';

/** What an address space knows of the versions of its content. */
export interface MmHistory {
  readonly incarnation: string;
  /** The epoch that it is in: it was written to since the last cut, or may be now. */
  readonly epoch: number;
  /** Of the address spaces that it was forked or restarted from, the nearest first: versions that its pages may be as in. */
  readonly ancestors: readonly MemoryVersions[];
}

/** Forks of forks of forks find their first checkpoint soon enough without knowing more. */
const ANCESTORS_KEPT = 4;

/** Of an address space that comes out of nothing. */
export const newHistory = (): MmHistory => ({ incarnation: newIncarnation(), epoch: 1, ancestors: [] });

/**
 * Of one that is built as it was saved. Its epochs go on behind those of what it was, so that pages which have no stamp count as
 * unchanged since.
 */
export function restoredHistory(saved: readonly MemoryVersions[] = []): MmHistory {
  const last = Math.max(0, ...saved.map((versions) => versions.last));
  if (last >= MAX_EPOCH - 1) return newHistory();
  return { ...newHistory(), epoch: last + 1, ancestors: saved };
}

/** Of a child. Its epochs go on from its parent's, so that the stamps of pages which it has from there stay true. */
export function forkedHistory({ incarnation, ancestors }: MmHistory, epoch: number): MmHistory {
  const parent = { incarnation, first: 0, last: epoch - 1 };
  return { incarnation: newIncarnation(), epoch, ancestors: [parent, ...ancestors].slice(0, ANCESTORS_KEPT) };
}

/** @param last the last epoch in which something was written. @returns as `MemorySnapshot.history` */
export function versionsAt({ incarnation, ancestors }: MmHistory, last: number): readonly MemoryVersions[] {
  // The epochs are used up: what is written from here on could not be told from what was.
  if (last >= MAX_EPOCH - 1) return [];
  return [{ incarnation, first: 0, last }, ...ancestors];
}

const newIncarnation = (): string => randomUUID().replaceAll('-', '');
