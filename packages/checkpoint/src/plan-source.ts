import { batchSize } from '@ckptree/image';
import { ARENA_FRAMES, type ByteSource, PAGE_SIZE } from '@ckptree/model';
import { batchHead, batchHeadSize } from './batch-head.js';
import { frameBytes } from './page-scan.js';
import type { Batch, Plan } from './plan.js';

/** A stretch of the image: records, or a batch. */
interface Piece {
  /** Byte position in the image, and bytes. */
  readonly position: number;
  readonly size: number;
  /** Copies bytes `from` to `from + target.length` of the piece. */
  readonly fill: (target: Uint8Array, from: number) => void;
}

/** A planned image, read by position while its snapshots are held: the bytes that a dump would write. */
export class PlanSource implements ByteSource {
  readonly #size: number;
  readonly #pieces: readonly Piece[];
  /** What the last call returned: used again, for fresh memory costs more than filling it. */
  #buffer = new Uint8Array(0);

  /** @param frames of each batch, in the order of its pages */
  constructor(plan: Plan, frames: readonly Int32Array[]) {
    this.#size = plan.size;
    this.#pieces = piecesOf(plan, frames);
  }

  read(position: number, length: number): Uint8Array {
    const end = Math.min(position + length, this.#size);
    const wanted = Math.max(0, end - position);
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    const target = this.#buffer.subarray(0, wanted);
    let index = lastAtOrBefore(this.#pieces, position);
    for (let at = position; at < end; index++) {
      const piece = this.#pieces[index]!;
      const until = Math.min(end, piece.position + piece.size);
      piece.fill(target.subarray(at - position, until - position), at - piece.position);
      at = until;
    }
    return target;
  }
}

function piecesOf({ size, records, batches }: Plan, frames: readonly Int32Array[]): Piece[] {
  const pieces: Piece[] = [];
  let [position, done] = [0, 0];
  const addRecords = (until: number): void => {
    const bytes = records.subarray(done, until);
    if (bytes.length > 0)
      pieces.push({
        position,
        size: bytes.length,
        fill: (target, from) => target.set(bytes.subarray(from, from + target.length)),
      });
    position += bytes.length;
    done = until;
  };
  for (const [index, batch] of batches.entries()) {
    addRecords(batch.recordsAt);
    pieces.push(batchPiece(batch, frames[index]!));
    position += batchSize(batch.pages);
  }
  addRecords(done + size - position);
  return pieces;
}

function batchPiece(batch: Batch, frames: Int32Array): Piece {
  const headSize = batchHeadSize(batch.pages);
  return {
    position: batch.position,
    size: batchSize(batch.pages),
    fill(target, from) {
      const headPart = Math.max(0, Math.min(target.length, headSize - from));
      if (headPart > 0) target.set(batchHead(batch).subarray(from, from + headPart));
      copyPages(target.subarray(headPart), batch, frames, from + headPart - headSize);
    },
  };
}

/** @param from byte position within the page contents of the batch */
function copyPages(target: Uint8Array, { memory }: Batch, frames: Int32Array, from: number): void {
  for (let done = 0; done < target.length; ) {
    const page = Math.floor((from + done) / PAGE_SIZE);
    const offset = (from + done) % PAGE_SIZE;
    const wanted = Math.ceil((offset + target.length - done) / PAGE_SIZE);
    const first = frames[page]!;
    let count = 1;
    while (count < wanted && frames[page + count] === first + count && (first + count) % ARENA_FRAMES !== 0)
      count++;
    const bytes = frameBytes(memory, first, count).subarray(offset, offset + target.length - done);
    target.set(bytes, done);
    done += bytes.length;
  }
}

/** Index of the last piece that starts at or before a position; they ascend, and the first starts at 0. */
function lastAtOrBefore(pieces: readonly Piece[], position: number): number {
  let [low, high] = [0, pieces.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (pieces[middle]!.position <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
