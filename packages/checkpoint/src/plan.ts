import type { MemorySnapshot } from '@ckptree/model';

/**
 * An image before it is written: all of it but the page contents, and where those go. Records and batches alternate;
 * position and size of everything are known, so that any thread can write any stretch of the image at any time.
 */
export interface Plan {
  /** Bytes of the whole image. */
  readonly size: number;
  /** Every byte that belongs to no batch, in order. In shared memory. */
  readonly records: Uint8Array;
  /** Ascending by position. */
  readonly batches: readonly Batch[];
  /** They cover the image without gaps, in order. */
  readonly segments: readonly Segment[];
  readonly figures: PlanFigures;
}

/** What the image will hold. */
export interface PlanFigures {
  /** Zombies are tasks, too. */
  readonly tasks: number;
  readonly mms: number;
  readonly files: number;
  readonly pages: number;
}

/** Pages of one vma that are dumped at once: PGARR, and a BUFFER with their addresses and contents. */
export interface Batch {
  readonly memory: MemorySnapshot;
  /** The batch's pages are all those from `start` to before `end` that belong into the image: `pages` of them. */
  readonly start: number;
  readonly end: number;
  readonly pages: number;
  /** Byte position in the image. */
  readonly position: number;
  /** It stands before this byte of `Plan.records`. */
  readonly recordsAt: number;
}

export type SegmentKind = 'head' | 'task' | 'mm' | 'tail';

/**
 * A stretch of the image that belongs together: the head, the tail, an address space with all that is first met in it,
 * or a task's records (in two stretches when its address space lies in between).
 */
export interface Segment {
  readonly kind: SegmentKind;
  /** The task that reaches it first; 0 for head and tail. */
  readonly pid: number;
  /** Of the address space; 0 for the other kinds. */
  readonly objref: number;
  /** Byte position in the image, and bytes. */
  readonly position: number;
  readonly size: number;
  /** Its part of `Plan.records`, as byte positions there. */
  readonly records: Range;
  /** Its part of `Plan.batches`, as indexes there. */
  readonly batches: Range;
}

/** From `start` to before `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}
