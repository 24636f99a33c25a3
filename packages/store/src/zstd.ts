import { CkptError } from '@ckptree/errors';
import { Decoder, Encoder } from '@toondepauw/node-zstd';

/** RFC 8878, 3.1.1: what a frame starts with. */
const FRAME_MAGIC = 0xfd2f_b528;
/** RFC 8878, 3.1.1.2: no block decodes to more. */
const BLOCK_MAX = 128 * 1024;
/** Encoders may end blocks early, but ours does so rarely. */
const SPARE_BLOCKS = 8;

const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

const encoders = new Map<number, Encoder>();
const decoder = new Decoder();

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One zstd frame. @param level 1 (fast) to 19 (small) */
export function zstdCompress(bytes: Uint8Array, level: number): Uint8Array {
  let encoder = encoders.get(level);
  if (encoder === undefined) {
    encoder = new Encoder(level);
    encoders.set(level, encoder);
  }
  return encoder.encodeSync(asBuffer(bytes));
}

/**
 * The content of one zstd frame that is known to decode to `size` bytes. The library would take any number of frames
 * of any size, so the frame is walked first: what is read can never decode to much more than it should.
 * @throws EIO it is damaged, or decodes to another size
 */
export function zstdDecompress(bytes: Uint8Array, size: number): Uint8Array {
  checkFrame(bytes, size);
  let content: Uint8Array;
  try {
    content = decoder.decodeSync(asBuffer(bytes));
  } catch (error) {
    throw new CkptError('EIO', 'compressed data is damaged', {}, error);
  }
  if (content.length !== size)
    throw new CkptError('EIO', `compressed data holds ${content.length} bytes instead of ${size}`);
  return content;
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
  const blocksMax = Math.ceil(size / BLOCK_MAX) + SPARE_BLOCKS;
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
