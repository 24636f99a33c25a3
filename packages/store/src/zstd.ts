import { MessageChannel } from 'node:worker_threads';
import { CkptError } from '@ckptree/errors';
import { _NapiBindings as zstd } from '@cloudpss/zstd/napi';

/** RFC 8878, 3.1.1: what a frame starts with. */
const FRAME_MAGIC = 0xfd2f_b528;
/** RFC 8878, 3.1.1.2: no block decodes to more. */
const BLOCK_MAX = 128 * 1024;
/**
 * An encoder may end blocks early, as ours does from level 16 on: it makes no more than so many out of a whole one
 * (zstd 1.5, ZSTD_MAX_NB_BLOCK_SPLITS).
 */
const SPLITS_MAX = 196;
/** Bytes that a decoder may have to look back, and so keeps: what level 19 uses. */
const WINDOW_MAX = 8 * 1024 * 1024;

const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

// One context for each thread: the library's functions that need none share one among all threads, unguarded.
const compressors = new Map<number, InstanceType<typeof zstd.Compressor>>();
let decompressor: InstanceType<typeof zstd.Decompressor> | undefined;

// What is transferred to a closed port reaches nobody and is freed.
const { port1: nowhere } = new MessageChannel();
nowhere.close();

/**
 * Frees the memory of bytes now. The collector would do it later, and till then all that is decoded goes to fresh memory,
 * whose first touch costs as much as decoding. (Measured with an export of 495 MB: 1.2 CPU s instead of 1.65.)
 */
function giveUp({ buffer, byteLength }: Uint8Array): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isOwn) nowhere.postMessage(undefined, [buffer]);
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One zstd frame. @param level 1 (fast) to 19 (small) */
export function zstdCompress(bytes: Uint8Array, level: number): Uint8Array {
  let compressor = compressors.get(level);
  if (compressor === undefined) {
    compressor = new zstd.Compressor(level);
    compressors.set(level, compressor);
  }
  const pieces: Uint8Array[] = [];
  const take = (piece: Uint8Array): void => void pieces.push(piece);
  compressor.data(asBuffer(bytes), take);
  compressor.end(take);
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

/**
 * Decodes one zstd frame. The library would take any number of frames of any size, so the frame is walked first: what
 * is read can never keep it busy for long. Memory for what is too much is given up as it comes.
 * @param target of just the size of its content: where that goes
 * @throws EIO it is damaged, or decodes to another size; then something may have been written to `target`
 */
export function zstdDecompress(bytes: Uint8Array, target: Uint8Array): void {
  checkFrame(bytes, target.length);
  let size = 0;
  const take = (piece: Uint8Array): void => {
    if (size + piece.length <= target.length) target.set(piece, size);
    size += piece.length;
    giveUp(piece);
  };
  try {
    decompressor ??= new zstd.Decompressor();
    decompressor.data(asBuffer(bytes), take);
    // It allocates, and has nothing left where all has come: the frame is whole.
    if (size < target.length) decompressor.end(take);
  } catch (error) {
    decompressor = undefined; // it is in the middle of a frame
    throw new CkptError('EIO', 'compressed data is damaged', {}, error);
  }
  if (size !== target.length) {
    decompressor = undefined;
    throw new CkptError('EIO', `compressed data holds ${size} bytes instead of ${target.length}`);
  }
}

/** Exactly one frame without a dictionary, of no more blocks than `size` bytes can need. */
function checkFrame(bytes: Uint8Array, size: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damaged = (): CkptError => new CkptError('EIO', 'compressed data is not one whole zstd frame');
  if (bytes.length < 6 || view.getUint32(0, true) !== FRAME_MAGIC) throw damaged();
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor >>> 5) & 1;
  const sizeFlag = descriptor >>> 6;
  const contentSizeBytes = [singleSegment, 2, 4, 8][sizeFlag]!;
  if ((descriptor & 0b1011) !== 0) throw damaged(); // a dictionary, or the reserved bit
  let position = 5 + (1 - singleSegment) + contentSizeBytes;
  if (position > bytes.length) throw damaged();
  const window = singleSegment === 1 ? size : windowSize(view.getUint8(5));
  if (window > WINDOW_MAX || !saysSize(view, position - contentSizeBytes, contentSizeBytes, size))
    throw damaged();
  const blocksMax = SPLITS_MAX * Math.max(1, Math.ceil(size / BLOCK_MAX));
  for (let blocks = 1; ; blocks++) {
    if (position + 3 > bytes.length || blocks > blocksMax) throw damaged();
    const header = view.getUint16(position, true) | (view.getUint8(position + 2) << 16);
    const type = (header >>> 1) & 3;
    const length = header >>> 3;
    if (type === BLOCK_RESERVED || length > BLOCK_MAX) throw damaged();
    position += 3 + (type === BLOCK_RLE ? 1 : length);
    if ((header & 1) === 1) break;
  }
  const checksum = (descriptor >>> 2) & 1;
  if (position + 4 * checksum !== bytes.length) throw damaged();
}

/** RFC 8878, 3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Whether the content size of a frame, RFC 8878, 3.1.1.1.4, is what it should be, or is not told. */
function saysSize(view: DataView, position: number, bytes: number, size: number): boolean {
  switch (bytes) {
    case 0:
      return true;
    case 1:
      return view.getUint8(position) === size;
    case 2:
      return view.getUint16(position, true) + 256 === size;
    case 4:
      return view.getUint32(position, true) === size;
    default:
      return view.getBigUint64(position, true) === BigInt(size);
  }
}
