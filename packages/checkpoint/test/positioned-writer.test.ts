import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PositionedWriter, type WriteVector } from '../dist/positioned-writer.js';

/** A file in memory that takes as many bytes of each write as `appetite` says. */
function hungryFile(appetite: (offered: number) => number) {
  const file = { bytes: new Uint8Array(0), writes: 0, mostBuffers: 0 };
  const writeVector: WriteVector = (_fd, buffers, position) => {
    const offered = Buffer.concat(buffers as Uint8Array[]);
    const taken = Math.min(offered.length, appetite(offered.length));
    const longer = new Uint8Array(Math.max(file.bytes.length, position + taken));
    longer.set(file.bytes);
    longer.set(offered.subarray(0, taken), position);
    file.bytes = longer;
    file.writes++;
    file.mostBuffers = Math.max(file.mostBuffers, buffers.length);
    return taken;
  };
  return { file, writeVector };
}

describe('the positioned writer', () => {
  const pieces = fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean()), { maxLength: 40 });

  test('writes all that it was given, in order, however little the file takes at a time', () => {
    fc.assert(
      fc.property(
        pieces,
        fc.nat({ max: 100 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (given, start, bites) => {
          let bite = 0;
          const { file, writeVector } = hungryFile(() => bites[bite++ % bites.length]!);
          const writer = new PositionedWriter(0, start, { writeVector });
          for (const [bytes, copy] of given) {
            if (copy) {
              const own = bytes.slice();
              writer.addCopy(own);
              own.fill(0xee);
            } else writer.add(bytes);
          }
          const expected = Buffer.concat(given.map(([bytes]) => bytes));
          expect(writer.position).toBe(start + expected.length);
          writer.flush();
          expect(writer.position).toBe(start + expected.length);
          expect(Buffer.from(file.bytes.subarray(start))).toEqual(expected);
        },
      ),
    );
  });

  test('hands at most 1024 buffers to one write', () => {
    const { file, writeVector } = hungryFile((offered) => offered);
    const writer = new PositionedWriter(0, 0, { writeVector });
    for (let piece = 0; piece < 3000; piece++) writer.add(Uint8Array.of(piece));
    writer.flush();
    expect(file).toMatchObject({ writes: 3, mostBuffers: 1024 });
    expect(file.bytes).toHaveLength(3000);
  });

  test('keeps a copy that comes at the end of a write until it is written, whatever is copied behind it', () => {
    const MIB = 2 ** 20;
    const few = fc.integer({ min: 1, max: 3000 });
    const much = fc.integer({ min: MIB - 4000, max: MIB });
    const given = fc.array(fc.tuple(fc.boolean(), fc.oneof({ weight: 9, arbitrary: few }, much)), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(given, (pieces) => {
        const { file, writeVector } = hungryFile((offered) => offered);
        const writer = new PositionedWriter(0, 0, { writeVector });
        const all = pieces.map(([isCopy, size], index) => {
          const bytes = new Uint8Array(size).fill(index);
          if (isCopy && size <= 3000) writer.addCopy(bytes);
          else writer.add(bytes);
          return bytes;
        });
        writer.flush();
        expect(Buffer.compare(file.bytes, Buffer.concat(all))).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('takes more copies than its scratch memory holds', () => {
    const { file, writeVector } = hungryFile((offered) => offered);
    const writer = new PositionedWriter(0, 0, { writeVector });
    for (let piece = 0; piece < 9; piece++) writer.addCopy(new Uint8Array(64 * 1024).fill(piece));
    writer.flush();
    expect(file.bytes).toHaveLength(9 * 64 * 1024);
    expect(file.bytes.at(-1)).toBe(8);
  });

  test('fails with EIO when the file takes nothing more', () => {
    const writer = new PositionedWriter(0, 0, { writeVector: () => 0 });
    writer.add(Uint8Array.of(1));
    expect(() => writer.flush()).toThrow(expect.objectContaining({ code: 'EIO' }));
  });

  test('can be stopped before each write', () => {
    const stop = () => {
      throw new Error('stopped');
    };
    const writer = new PositionedWriter(0, 0, { beforeWrite: stop, writeVector: () => 1 });
    writer.add(Uint8Array.of(1));
    expect(() => writer.flush()).toThrow('stopped');
  });
});
