import { describe, expect, test } from '@jest/globals';
import { zstdCompress, zstdDecompress } from '../dist/zstd.js';

const BLOCK = 128 * 1024;

/** Text, numbers and noise in turn, as in a heap: an encoder that takes its time gives each a block of its own. */
function mixed(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  let state = 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    const kind = (at >> 13) % 4;
    bytes[at] = [97 + ((state >>> 16) % 7), (at >> 2) & 0xff, state >>> 24, (state >>> 28) * 16][kind]!;
  }
  return bytes;
}

function unpacked(frame: Uint8Array, size: number): Buffer {
  const target = new Uint8Array(size);
  zstdDecompress(frame, target);
  return Buffer.from(target.buffer);
}

describe('zstd', () => {
  test.each([1, 3, 9, 16, 19])('level %i is read again, whatever the size', (level) => {
    for (const size of [0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 8 * BLOCK]) {
      const content = mixed(size);
      expect(unpacked(zstdCompress(content, level), size).equals(content)).toBe(true);
    }
  });

  test('damage is told, and the next frame is read all the same', () => {
    const content = mixed(3 * BLOCK);
    const frame = zstdCompress(content, 1);
    for (let at = 8; at < frame.length; at += 9973) {
      const changed = Buffer.from(frame);
      changed[at]! ^= 0x40;
      let read: Buffer | undefined;
      try {
        read = unpacked(changed, content.length);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EIO' });
      }
      // Without a checksum not all is seen here; the content's hash tells.
      expect(read?.equals(content) ?? false).toBe(false);
      expect(unpacked(frame, content.length).equals(content)).toBe(true);
    }
  });

  test.each([
    ['of another size', (frame: Uint8Array) => frame, 3 * BLOCK - 1],
    ['cut off', (frame: Uint8Array) => frame.subarray(0, -1), 3 * BLOCK],
    ['followed by another', (frame: Uint8Array) => Buffer.concat([frame, frame]), 3 * BLOCK],
  ])('a frame %s is refused', (_, change, size) => {
    const frame = change(zstdCompress(mixed(3 * BLOCK), 1));
    expect(() => unpacked(frame, size)).toThrow(expect.objectContaining({ code: 'EIO' }));
  });

  test('a frame of far more blocks than its content can need is refused before it is decoded', () => {
    const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x58]);
    // Type RLE, not the last: four bytes stand for 128 KiB.
    const block = Buffer.from([((BLOCK << 3) | 2) & 0xff, ((BLOCK << 3) >> 8) & 0xff, (BLOCK << 3) >> 16, 7]);
    const last = Buffer.from([1, 0, 0]);
    const frame = Buffer.concat([head, ...Array.from({ length: 1_000_000 }, () => block), last]);
    expect(() => unpacked(frame, BLOCK)).toThrow('not one whole zstd frame');
  });
});
