import {
  BATCH_PAGES,
  batchStart,
  bytesSource,
  encode,
  hasContents,
  pagesHeader,
  putAuxv,
  putErrorRecord,
  putFile,
  putHead,
  putMmContext,
  putPagesHeader,
  putPayload,
  putTail,
  putTask,
  putText,
  putVma,
  readFailure,
  readTree,
} from '@ckptree/image';
import { PAGE_SIZE, VM, type VmaOps } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeText, encodeText } from '../dist/text.js';
import { GOOD } from './support/good.js';
import { anonymous, file, HEAD, task } from './support/trees.js';

const code = (error: string) => expect.objectContaining({ code: error });
const words = (bytes: Uint8Array) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
};

describe('bytes as the format has them', () => {
  test('a buffer of 65 bytes is a record of 73', () => {
    const record = encode(putPayload, 'BUFFER', new Uint8Array(65));
    expect(record).toHaveLength(73);
    expect([...record.subarray(0, 8)]).toEqual([4, 0, 0, 0, 73, 0, 0, 0]);
  });

  test('a string ends with a NUL', () => {
    expect([...encode(putText, 'STRING', 'ab')]).toEqual([5, 0, 0, 0, 11, 0, 0, 0, 0x61, 0x62, 0]);
  });

  test('a batch: PGARR, the length of all, the addresses in halves', () => {
    expect(words(pagesHeader([0x1000, 0x7fff_ffff_f000]))).toEqual([
      ...[403, 16, 2, 0],
      ...[4, 8 + 2 * (8 + 4096)],
      ...[0x1000, 0, 0xffff_f000, 0x7fff],
    ]);
    expect(pagesHeader([4096, 8192, 12_288], 1)).toEqual(pagesHeader([4096]));
  });

  test('a batch of runs of pages is one of their addresses, also across 4 GiB', () => {
    const run = fc.record({ skip: fc.nat(2 ** 21), pages: fc.integer({ min: 1, max: 5 }) });
    const law = fc.property(
      fc.constantFrom(0, 0xffff_e000, 0x7fff_ffff_0000, 0x4_ffff_f000),
      fc.array(run, { minLength: 1, maxLength: 8 }),
      (start, steps) => {
        let address = start;
        const runs = steps.map(({ skip, pages }, index) => {
          address += (index === 0 ? 0 : skip) * PAGE_SIZE;
          const placed = { address, pages };
          address += pages * PAGE_SIZE;
          return placed;
        });
        const addresses = runs.flatMap((each) =>
          Array.from({ length: each.pages }, (_, page) => each.address + page * PAGE_SIZE),
        );
        const header = pagesHeader(addresses);
        // Anywhere in memory, and nothing around it is touched.
        const around = new Uint8Array(header.length + 2).fill(7);
        putPagesHeader(around.subarray(1, -1), runs);
        expect([...around]).toEqual([7, ...header, 7]);
      },
    );
    fc.assert(law);
  });

  test('the error record: a NUL, the text, a NUL', () => {
    expect([...encode(putErrorRecord, 'no')]).toEqual([
      15, 39, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 12, 0, 0, 0, 0, 0x6e, 0x6f, 0,
    ]);
  });

  test('the name of a task fills 16 bytes, and a zombie ends with it', () => {
    const { registers: _, ...dead } = task(5, { exitState: 16, comm: 'fifteen letters' });
    expect(encode(putTask, dead)).toHaveLength(72 + 24);
    expect(encode(putTask, task(5))).toHaveLength(72 + 24 + 16 + 56 + 192);
  });
});

describe('what the format has no place for is refused', () => {
  test.each<[string, string, () => unknown]>([
    ['a name of 16 bytes', 'EOVERFLOW', () => encode(putTask, task(5, { comm: '0123456789abcdef' }))],
    [
      'a live task without registers',
      'EINVAL',
      () => encode(putTask, { ...task(5), registers: new Uint8Array(8) }),
    ],
    ['a path of 4096 bytes', 'EOVERFLOW', () => encode(putFile, file(`/${'x'.repeat(4095)}`), 1)],
    ['a path with a NUL', 'EINVAL', () => encode(putFile, file('/a\0b'), 1)],
    [
      'a release of 65 bytes',
      'EOVERFLOW',
      () => encode(putHead, { ...HEAD, uts: { ...HEAD.uts, release: 'x'.repeat(65) } }),
    ],
    ['an auxiliary vector of 43 entries', 'EINVAL', () => encode(putAuxv, new BigUint64Array(43))],
    ['half an entry of an LDT', 'EINVAL', () => encode(putMmContext, { vdso: 0, ldt: new Uint8Array(4) })],
    ['an empty batch', 'EINVAL', () => pagesHeader([])],
    ['a batch of too many pages', 'EINVAL', () => batchStart(BATCH_PAGES + 1)],
    ['more pages than addresses', 'EINVAL', () => pagesHeader([4096], 2)],
  ])('%s: %s', (_, error, encode) => {
    expect(encode).toThrow(code(error));
  });

  test.each<[VmaOps, boolean | undefined]>([
    ['none', true],
    ['file', true],
    ['special', false],
    ['shm', undefined],
    ['hugetlb', undefined],
    ['device', undefined],
  ])('a vma of kind %s', (ops, contents) => {
    const vma = anonymous(0x1000, 1, { ops });
    if (contents === undefined) {
      expect(() => encode(putVma, vma, 0)).toThrow(
        expect.objectContaining({ code: 'ENOSYS', fields: { vma: '1000-2000' } }),
      );
    } else expect(encode(putVma, vma, 0)).toHaveLength(72);
    expect(hasContents(vma)).toBe(contents ?? false);
  });

  test('flags and protections of a vma are kept to the last bit', () => {
    const record = encode(putVma, anonymous(0x1000, 1, { flags: VM.SAO, pageProt: 2n ** 63n + 1n }), 0);
    expect(words(record).slice(12, 16)).toEqual([1, 0x8000_0000, VM.SAO, 0]);
  });
});

describe('text', () => {
  test('round-trips, whatever its characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
        (text) => {
          expect(decodeText(encodeText(text))).toBe(text);
        },
      ),
    );
  });

  test('is none without a NUL, with something behind it, or when it is not UTF-8', () => {
    expect(decodeText(Uint8Array.of())).toBeUndefined();
    expect(decodeText(Uint8Array.of(0x61))).toBeUndefined();
    expect(decodeText(Uint8Array.of(0x61, 0, 0x62))).toBeUndefined();
    expect(decodeText(Uint8Array.of(0xc3, 0))).toBeUndefined();
    expect(decodeText(Uint8Array.of(0, 0))).toBe('');
  });
});

describe('the image of a failed checkpoint', () => {
  const whole = GOOD.family!();
  const text = '[err -16][pos 1234][E @ dump:mm][pid 12 tsk init] Outstanding aio';
  const failed = (...parts: Uint8Array[]) => bytesSource(new Uint8Array(Buffer.concat(parts)));

  test('tells its text, wherever it failed', async () => {
    for (const length of [0, 72, 334, 350, whole.length - 16])
      expect(await readFailure(failed(whole.subarray(0, length), encode(putErrorRecord, text)))).toBe(text);
  });

  test('is an error to a reader, with the text', async () => {
    await expect(
      readTree(failed(whole.subarray(0, 350), encode(putErrorRecord, text))),
    ).rejects.toMatchObject({
      code: 'EIO',
      message: `image byte 358: the checkpoint failed: ${text}`,
    });
  });

  test('a whole image, a cut one and one without order have no such text', async () => {
    expect(await readFailure(bytesSource(whole))).toBeUndefined();
    expect(await readFailure(bytesSource(whole.subarray(0, 1000)))).toBeUndefined();
    expect(await readFailure(bytesSource(new Uint8Array(64)))).toBeUndefined();
    expect(
      await readFailure(failed(encode(putPayload, 'ERROR', new Uint8Array(0)), encode(putTail))),
    ).toBeUndefined();
  });
});
