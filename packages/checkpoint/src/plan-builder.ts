import { batchSize, type RecordTarget } from '@ckptree/image';
import type { MemorySnapshot } from '@ckptree/model';
import type { Debug } from './debug.js';
import type { Batch, Plan, PlanFigures, Segment, SegmentKind } from './plan.js';
import { RecordBytes } from './record-bytes.js';

/** Puts a plan together, in the order of the image: records are put into it. */
export class PlanBuilder implements RecordTarget {
  readonly #debug: Debug;
  readonly #batches: Batch[] = [];
  readonly #segments: Segment[] = [];
  readonly #records = new RecordBytes();
  #batchesSize = 0;
  #pages = 0;
  #open: Pick<Segment, 'kind' | 'pid' | 'objref' | 'position' | 'records' | 'batches'> | undefined;

  constructor(debug: Debug = {}) {
    this.#debug = debug;
  }

  /** Bytes of the image so far. */
  get position(): number {
    return this.#records.size + this.#batchesSize;
  }

  /** What comes from here on belongs to a new segment. */
  beginSegment(kind: SegmentKind, pid = 0, objref = 0): void {
    this.#endSegment();
    const records = { start: this.#records.size, end: this.#records.size };
    const batches = { start: this.#batches.length, end: this.#batches.length };
    this.#open = { kind, pid, objref, position: this.position, records, batches };
  }

  get view(): DataView {
    return this.#records.view;
  }

  get bytes(): Uint8Array {
    return this.#records.bytes;
  }

  /** @throws E2BIG there are too many */
  room(size: number): number {
    this.#debug.rw?.(`record at ${this.position}, ${size} bytes`);
    return this.#records.room(size);
  }

  /** @param pages how many pages from `start` to before `end` belong into the image; not 0 */
  addBatch(memory: MemorySnapshot, start: number, end: number, pages: number): void {
    const { position } = this;
    this.#debug.rw?.(`batch at ${position}, ${batchSize(pages)} bytes`);
    this.#batches.push({ memory, start, end, pages, position, recordsAt: this.#records.size });
    this.#batchesSize += batchSize(pages);
    this.#pages += pages;
  }

  finish(figures: Omit<PlanFigures, 'pages'>): Plan {
    this.#endSegment();
    return {
      size: this.position,
      records: this.#records.finish(),
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
      records: { start: records.start, end: this.#records.size },
      batches: { start: batches.start, end: this.#batches.length },
    });
    this.#open = undefined;
  }
}
