import { CkptError } from '@ckptree/errors';
import { batchSize } from '@ckptree/image';
import type { MemorySnapshot } from '@ckptree/model';
import type { Debug } from './debug.js';
import type { Batch, Plan, PlanFigures, Segment, SegmentKind } from './plan.js';

/** Bytes that the records may take before they are given more. */
const INITIAL_CAPACITY = 64 * 1024;
/** Bytes that they may take at most: addresses are set aside for so many, and memory for those that are used. */
const MAX_CAPACITY = 2 ** 32;

/** Puts a plan together, in the order of the image. */
export class PlanBuilder {
  readonly #debug: Debug;
  readonly #batches: Batch[] = [];
  readonly #segments: Segment[] = [];
  /** Grows where it is: records of many tasks are hundreds of MiB, and to move them is to touch as much memory anew. */
  readonly #buffer = new SharedArrayBuffer(INITIAL_CAPACITY, { maxByteLength: MAX_CAPACITY });
  /** All of the buffer, also when it has grown. */
  readonly #records = new Uint8Array(this.#buffer);
  #recordsSize = 0;
  #batchesSize = 0;
  #pages = 0;
  #open: Pick<Segment, 'kind' | 'pid' | 'objref' | 'position' | 'records' | 'batches'> | undefined;

  constructor(debug: Debug = {}) {
    this.#debug = debug;
  }

  /** Bytes of the image so far. */
  get position(): number {
    return this.#recordsSize + this.#batchesSize;
  }

  /** What comes from here on belongs to a new segment. */
  beginSegment(kind: SegmentKind, pid = 0, objref = 0): void {
    this.#endSegment();
    const records = { start: this.#recordsSize, end: this.#recordsSize };
    const batches = { start: this.#batches.length, end: this.#batches.length };
    this.#open = { kind, pid, objref, position: this.position, records, batches };
  }

  /** One or several whole records. */
  addRecords(bytes: Uint8Array): void {
    this.#debug.rw?.(`records at ${this.position}, ${bytes.length} bytes`);
    this.#reserve(bytes.length);
    this.#records.set(bytes, this.#recordsSize);
    this.#recordsSize += bytes.length;
  }

  /** @param pages how many pages from `start` to before `end` belong into the image; not 0 */
  addBatch(memory: MemorySnapshot, start: number, end: number, pages: number): void {
    const { position } = this;
    this.#debug.rw?.(`batch at ${position}, ${batchSize(pages)} bytes`);
    this.#batches.push({ memory, start, end, pages, position, recordsAt: this.#recordsSize });
    this.#batchesSize += batchSize(pages);
    this.#pages += pages;
  }

  finish(figures: Omit<PlanFigures, 'pages'>): Plan {
    this.#endSegment();
    return {
      size: this.position,
      records: new Uint8Array(this.#buffer, 0, this.#recordsSize),
      batches: this.#batches,
      segments: this.#segments,
      figures: { ...figures, pages: this.#pages },
    };
  }

  #endSegment(): void {
    if (this.#open === undefined) return;
    const { kind, pid, objref, position, records, batches } = this.#open;
    this.#segments.push({
      kind,
      pid,
      objref,
      position,
      size: this.position - position,
      records: { start: records.start, end: this.#recordsSize },
      batches: { start: batches.start, end: this.#batches.length },
    });
    this.#open = undefined;
  }

  #reserve(bytes: number): void {
    const needed = this.#recordsSize + bytes;
    const capacity = this.#buffer.byteLength;
    if (needed <= capacity) return;
    if (needed > MAX_CAPACITY)
      throw new CkptError(
        'E2BIG',
        `the tree has more than ${MAX_CAPACITY} bytes of records beside its pages`,
      );
    this.#buffer.grow(Math.min(MAX_CAPACITY, Math.max(needed, 2 * capacity)));
  }
}
