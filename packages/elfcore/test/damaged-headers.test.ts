import { readCore } from '@ckptree/elfcore';
import { describe, expect, test } from '@jest/globals';
import { bytesSource } from './bytes.js';
import { EHDR, extendedCount, good, header, load, NT, note, testAll } from './damage.js';

describe('what is no core of this machine', () => {
  testAll(
    [
      ['empty file', 'ENOEXEC', 'does not begin with 0x7f ELF', () => new Uint8Array()],
      [
        'text',
        'ENOEXEC',
        'does not begin with 0x7f ELF',
        () => Buffer.from('#!/bin/sh\nexit 0\n'.repeat(10)),
      ],
      ['executable', 'ENOEXEC', 'is no core', (core) => core.writeUInt16LE(2, 16)],
      ['32-bit', 'ENOSYS', '64-bit class', (core) => core.writeUInt8(1, 4)],
      ['big-endian', 'ENOSYS', 'little-endian', (core) => core.writeUInt8(2, 5)],
      ['of another machine (aarch64)', 'ENOSYS', 'machine 183', (core) => core.writeUInt16LE(183, 18)],
    ],
    () => good,
  );
});

describe('damaged headers', () => {
  testAll(
    [
      ['cut within the ELF header', 'EBADMSG', 'within its ELF header', (core) => core.subarray(0, 30)],
      ['cut within the program headers', 'EBADMSG', '12 program headers', (core) => core.subarray(0, 100)],
      ['cut within the memory', 'EBADMSG', 'the segment at 0x7f', (core) => core.subarray(0, 0x10000)],
      [
        'cut within the notes',
        'EBADMSG',
        'a note segment',
        (core) => core.subarray(0, note(core, NT.AUXV).desc),
      ],
      [
        'program headers of another size',
        'EBADMSG',
        'to have 32 bytes',
        (core) => core.writeUInt16LE(32, 54),
      ],
      [
        'no program headers',
        'EBADMSG',
        'has no program headers',
        (core) => core.writeUInt16LE(0, EHDR.phnum),
      ],
      [
        'program headers behind the end',
        'EBADMSG',
        '12 program headers',
        (core) => core.writeBigUInt64LE(2n ** 40n, EHDR.phoff),
      ],
      [
        'program headers at 2^63',
        'EBADMSG',
        '0x8000000000000000',
        (core) => core.writeBigUInt64LE(2n ** 63n, EHDR.phoff),
      ],
      [
        'more program headers than the file holds',
        'EBADMSG',
        '65520 program headers',
        (core) => core.writeUInt16LE(0xfff0, EHDR.phnum),
      ],
      [
        'a count in a section header that is not there',
        'EBADMSG',
        'the first section header',
        (core) => {
          core.writeUInt16LE(0xffff, EHDR.phnum);
          core.writeBigUInt64LE(2n ** 52n, EHDR.shoff);
        },
      ],
      ['a count of four billion segments', 'E2BIG', '4294967295 segments', extendedCount(2 ** 32 - 1)],
      ['a count of a million segments', 'EBADMSG', '1048576 program headers', extendedCount(2 ** 20)],
    ],
    () => good,
  );
});

describe('damaged segments', () => {
  testAll(
    [
      [
        'contents behind the end of the file',
        'EBADMSG',
        'the segment at 0x400000',
        load(0, 'offset', () => 2n ** 40n),
      ],
      [
        'contents at 2^64 - 1',
        'EBADMSG',
        'position of a segment is 0xffffffffffffffff',
        load(0, 'offset', () => 2n ** 64n - 1n),
      ],
      [
        'more in the file than in memory',
        'EBADMSG',
        'more bytes in the file than in memory',
        load(0, 'filesz', (size) => size * 2n),
      ],
      ['half a page in the file', 'EBADMSG', 'whole 4 KiB pages', load(3, 'filesz', (size) => size - 2048n)],
      ['half a page of memory', 'EBADMSG', 'whole 4 KiB pages', load(3, 'memsz', (size) => size + 2048n)],
      ['not at a page', 'EBADMSG', 'whole 4 KiB pages', load(3, 'vaddr', (start) => start + 8n)],
      ['beyond user space', 'EBADMSG', 'beyond user space', load(3, 'vaddr', () => 2n ** 47n - 4096n)],
      ['in the kernel', 'EBADMSG', 'beyond user space', load(3, 'vaddr', () => 0xffff_8000_0000_0000n)],
      ['2^63 bytes of memory', 'EBADMSG', 'beyond user space', load(3, 'memsz', () => 2n ** 63n)],
      ['overlapping', 'EBADMSG', 'overlaps', load(1, 'vaddr', () => 0x40_0000n)],
      [
        'many in the same bytes of the file',
        'EBADMSG',
        'share their place',
        (core) => {
          for (let n = 0; n < 10; n++) {
            load(n, 'offset', () => 0x1000n)(core);
            load(n, 'vaddr', () => BigInt(n) * 2n ** 32n)(core);
            load(n, 'filesz', () => 0x8000n)(core);
            load(n, 'memsz', () => 0x8000n)(core);
          }
          return core.subarray(0, 0x9000);
        },
      ],
    ],
    () => good,
  );

  test('segments may be in any order', async () => {
    const core = Buffer.from(good);
    const [first, last] = [header(core, 'load', 0), header(core, 'load', 8)];
    const kept = Buffer.from(core.subarray(first, first + 56));
    core.copyWithin(first, last, last + 56);
    kept.copy(core, last);
    expect(await readCore(bytesSource(core))).toEqual(await readCore(bytesSource(good)));
  });
});
