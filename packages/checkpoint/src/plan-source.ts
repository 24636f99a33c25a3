import { batchSize } from '@ckptree/image';
import { adjacentFrames, type ByteSource, frameBytes, PAGE_SIZE } from '@ckptree/model';
import { batchHead, batchHeadSize } from './batch-head.js';
import { fillBatch } from './dump-batch.js';
import { PageArrayChain } from './page-array-chain.js';
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

  constructor(plan: Plan) {
    this.#size = plan.size;
    this.#pieces = piecesOf(plan);
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

function piecesOf({ size, records, batches }: Plan): Piece[] {
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
  for (const batch of batches) {
    addRecords(batch.recordsAt);
    pieces.push(batchPiece(batch));
    position += batchSize(batch.pages);
  }
  addRecords(done + size - position);
  return pieces;
}

function batchPiece(batch: Batch): Piece {
  const headSize = batchHeadSize(batch.pages);
  // Most pages of a checkpoint are read in other ways, or not at all.
  let frames: Int32Array | undefined;
  return {
    position: batch.position,
    size: batchSize(batch.pages),
    fill(target, from) {
      const headPart = Math.max(0, Math.min(target.length, headSize - from));
      if (headPart > 0) target.set(batchHead(batch).subarray(from, from + headPart));
      if (headPart === target.length) return;
      frames ??= batchFrames(batch);
      copyPages(target.subarray(headPart), batch, frames, from + headPart - headSize);
    },
  };
}

/** The frames of a batch, in the order of its pages. */
function batchFrames(batch: Batch): Int32Array {
  const chain = new PageArrayChain();
  fillBatch(chain, batch);
  const frames = new Int32Array(batch.pages);
  let page = 0;
  for (const array of chain.arrays) {
    frames.set(array.frames.subarray(0, array.used), page);
    page += array.used;
  }
  return frames;
}

/** @param from byte position within the page contents of the batch */
function copyPages(target: Uint8Array, { memory }: Batch, frames: Int32Array, from: number): void {
  for (let done = 0; done < target.length; ) {
    const page = Math.floor((from + done) / PAGE_SIZE);
    const offset = (from + done) % PAGE_SIZE;
    const wanted = Math.ceil((offset + target.length - done) / PAGE_SIZE);
    const count = adjacentFrames(frames, page, page + wanted);
    const bytes = frameBytes(memory.arenas, frames[page]!, count).subarray(
      offset,
      offset + target.length - done,
    );
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
