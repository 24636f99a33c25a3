import { readFileSync } from 'node:fs';
import { readCore, writeCore } from '@ckptree/elfcore';
import type { ErrorCode } from '@ckptree/errors';
import { isCkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BytesSink, bytesSource } from './bytes.js';

const good = readFileSync(new URL('./corpus/threads.core', import.meta.url));

const failureOf = (source: ByteSource): Promise<unknown> =>
  readCore(source).then(
    () => 'no failure',
    (error: unknown) => error,
  );

/** Changes a copy of a core in place, or returns a `Uint8Array` to be read in its stead. */
type Damage = (core: Buffer) => unknown;
type Case = readonly [name: string, code: ErrorCode, damage: Damage];

function damaged(core: Buffer, damage: Damage): Uint8Array {
  const instead = damage(core);
  return instead instanceof Uint8Array ? instead : core;
}

function testAll(cases: readonly Case[], base: () => Uint8Array): void {
  test.each(cases)('%s: %s', async (_name, code, damage) => {
    const core = Buffer.from(base());
    const error = await failureOf(bytesSource(damaged(core, damage)));
    expect(error).toMatchObject({ name: 'CkptError', code, fields: { position: expect.any(Number) } });
  });
}

const EHDR_PHOFF = 32;
const EHDR_SHOFF = 40;
const EHDR_PHNUM = 56;
const u64 = (core: Buffer, offset: number): number => Number(core.readBigUInt64LE(offset));

/** Byte position of the `n`th program header of type PT_LOAD, or of the first PT_NOTE. */
function header(core: Buffer, type: 'load' | 'note', n = 0): number {
  const wanted = type === 'load' ? 1 : 4;
  for (let at = u64(core, EHDR_PHOFF); ; at += 56)
    if (core.readUInt32LE(at) === wanted && n-- === 0) return at;
}

const PHDR = { offset: 8, vaddr: 16, filesz: 32, memsz: 40 } as const;

/** Sets a 64-bit field of the `n`th PT_LOAD. */
const load =
  (n: number, field: keyof typeof PHDR, value: (old: bigint) => bigint): Damage =>
  (core) => {
    const at = header(core, 'load', n) + PHDR[field];
    core.writeBigUInt64LE(value(core.readBigUInt64LE(at)), at);
  };

/** Byte position of the `n`th note of this owner and type, and of its descriptor. */
function note(core: Buffer, type: number, n = 0, owner = 'CORE'): { at: number; desc: number } {
  const segment = header(core, 'note');
  const start = u64(core, segment + PHDR.offset);
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = start; at < start + u64(core, segment + PHDR.filesz); ) {
    const [namesz, descsz] = [core.readUInt32LE(at), core.readUInt32LE(at + 4)];
    const desc = at + 12 + padded(namesz);
    const found =
      core.readUInt32LE(at + 8) === type && core.toString('latin1', at + 12, at + 11 + namesz) === owner;
    if (found && n-- === 0) return { at, desc };
    at = desc + padded(descsz);
  }
  throw new Error(`the core has no such note: ${owner} ${type}`);
}

const NT = { PRSTATUS: 1, PRPSINFO: 3, AUXV: 6, FILE: 0x46494c45 } as const;

describe('what is no core of this machine', () => {
  testAll(
    [
      ['empty file', 'ENOEXEC', () => new Uint8Array()],
      ['text', 'ENOEXEC', () => Buffer.from('#!/bin/sh\nexit 0\n'.repeat(10))],
      ['executable', 'ENOEXEC', (core) => core.writeUInt16LE(2, 16)],
      ['32-bit', 'ENOSYS', (core) => core.writeUInt8(1, 4)],
      ['big-endian', 'ENOSYS', (core) => core.writeUInt8(2, 5)],
      ['of another machine (aarch64)', 'ENOSYS', (core) => core.writeUInt16LE(183, 18)],
    ],
    () => good,
  );
});

describe('damaged headers', () => {
  testAll(
    [
      ['cut within the ELF header', 'EBADMSG', (core) => core.subarray(0, 30)],
      ['cut within the program headers', 'EBADMSG', (core) => core.subarray(0, 100)],
      ['cut within the memory', 'EBADMSG', (core) => core.subarray(0, 0x10000)],
      ['cut within the notes', 'EBADMSG', (core) => core.subarray(0, note(core, NT.AUXV).desc)],
      ['program headers of another size', 'EBADMSG', (core) => core.writeUInt16LE(32, 54)],
      ['no program headers', 'EBADMSG', (core) => core.writeUInt16LE(0, EHDR_PHNUM)],
      ['program headers behind the end', 'EBADMSG', (core) => core.writeBigUInt64LE(2n ** 40n, EHDR_PHOFF)],
      ['program headers at 2^63', 'EBADMSG', (core) => core.writeBigUInt64LE(2n ** 63n, EHDR_PHOFF)],
      [
        'more program headers than the file holds',
        'EBADMSG',
        (core) => core.writeUInt16LE(0xfff0, EHDR_PHNUM),
      ],
      [
        'a count in a section header that is not there',
        'EBADMSG',
        (core) => {
          core.writeUInt16LE(0xffff, EHDR_PHNUM);
          core.writeBigUInt64LE(2n ** 52n, EHDR_SHOFF);
        },
      ],
      ['a count of four billion segments', 'E2BIG', extendedCount(2 ** 32 - 1)],
      ['a count of a million segments', 'EBADMSG', extendedCount(2 ** 20)],
    ],
    () => good,
  );
});

function extendedCount(count: number): Damage {
  return (core) => {
    core.writeUInt16LE(0xffff, EHDR_PHNUM);
    core.writeBigUInt64LE(BigInt(core.length), EHDR_SHOFF);
    const section = Buffer.alloc(64);
    section.writeUInt32LE(count, 44);
    return Buffer.concat([core, section]);
  };
}

describe('damaged segments', () => {
  testAll(
    [
      ['contents behind the end of the file', 'EBADMSG', load(0, 'offset', () => 2n ** 40n)],
      ['contents at 2^64 - 1', 'EBADMSG', load(0, 'offset', () => 2n ** 64n - 1n)],
      ['more in the file than in memory', 'EBADMSG', load(0, 'filesz', (size) => size * 2n)],
      ['half a page in the file', 'EBADMSG', load(3, 'filesz', (size) => size - 2048n)],
      ['half a page of memory', 'EBADMSG', load(3, 'memsz', (size) => size + 2048n)],
      ['not at a page', 'EBADMSG', load(3, 'vaddr', (start) => start + 8n)],
      ['beyond user space', 'EBADMSG', load(3, 'vaddr', () => 2n ** 47n - 4096n)],
      ['in the kernel', 'EBADMSG', load(3, 'vaddr', () => 0xffff_8000_0000_0000n)],
      ['2^63 bytes of memory', 'EBADMSG', load(3, 'memsz', () => 2n ** 63n)],
      ['overlapping', 'EBADMSG', load(1, 'vaddr', () => 0x40_0000n)],
      [
        'many in the same bytes of the file',
        'EBADMSG',
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

describe('damaged notes', () => {
  const psinfo = (core: Buffer) => note(core, NT.PRPSINFO);
  const status = (core: Buffer, n = 0) => note(core, NT.PRSTATUS, n);
  const files = (core: Buffer) => note(core, NT.FILE).desc;

  testAll(
    [
      ['segment behind the end', 'EBADMSG', (core) => noteSegment(core, 'offset', BigInt(core.length))],
      ['segment of 2^60 bytes', 'EBADMSG', (core) => noteSegment(core, 'filesz', 2n ** 60n)],
      ['owner of four gigabytes', 'EBADMSG', (core) => core.writeUInt32LE(2 ** 32 - 1, status(core).at)],
      [
        'descriptor of four gigabytes',
        'EBADMSG',
        (core) => core.writeUInt32LE(2 ** 32 - 1, status(core).at + 4),
      ],
      ['no thread', 'EBADMSG', (core) => rename(core, NT.PRSTATUS, 3)],
      ['thread status of another size', 'EBADMSG', (core) => core.writeUInt32LE(332, status(core, 2).at + 4)],
      ['process of another size', 'EBADMSG', (core) => core.writeUInt32LE(132, psinfo(core).at + 4)],
      ['thread with pid 0', 'EBADMSG', (core) => core.writeInt32LE(0, status(core).desc + 32)],
      ['thread with pid -7', 'EBADMSG', (core) => core.writeInt32LE(-7, status(core).desc + 32)],
      ['process with session -7', 'EBADMSG', (core) => core.writeInt32LE(-7, psinfo(core).desc + 36)],
      [
        'two threads with one pid',
        'EBADMSG',
        (core) => core.copyWithin(status(core).desc, status(core, 1).desc, status(core, 1).desc + 336),
      ],
      ['a second process', 'EBADMSG', (core) => core.writeUInt32LE(NT.PRPSINFO, status(core).at + 8)],
      [
        'an auxiliary vector of odd length',
        'EBADMSG',
        (core) => core.writeUInt32LE(364, note(core, NT.AUXV).at + 4),
      ],
      ['2^60 mapped files', 'EBADMSG', (core) => core.writeBigUInt64LE(2n ** 60n, files(core))],
      ['one mapped file too many', 'EBADMSG', (core) => core.writeBigUInt64LE(5n, files(core))],
      ['a mapped file at no page', 'EBADMSG', (core) => core.writeBigUInt64LE(0x40_0010n, files(core) + 16)],
      [
        'a mapped file that ends before it begins',
        'EBADMSG',
        (core) => core.writeBigUInt64LE(0n, files(core) + 24),
      ],
      [
        'a mapped file in the kernel',
        'EBADMSG',
        (core) => core.writeBigUInt64LE(2n ** 63n, files(core) + 24),
      ],
      ['a mapped file from half a page', 'EBADMSG', (core) => core.writeBigUInt64LE(7n, files(core) + 32)],
      ['two files in one place', 'EBADMSG', (core) => core.writeBigUInt64LE(0x40_3000n, files(core) + 24)],
      ['mapped files without a head', 'EBADMSG', (core) => core.writeUInt32LE(8, note(core, NT.FILE).at + 4)],
      [
        'a path without an end',
        'EBADMSG',
        (core) =>
          void core.writeUInt32LE(
            core.readUInt32LE(note(core, NT.FILE).at + 4) - 1,
            note(core, NT.FILE).at + 4,
          ),
      ],
    ],
    () => good,
  );

  function noteSegment(core: Buffer, field: keyof typeof PHDR, value: bigint): void {
    core.writeBigUInt64LE(value, header(core, 'note') + PHDR[field]);
  }

  /** Gives the first `count` notes of a type another type, which is skipped. */
  function rename(core: Buffer, type: number, count: number): void {
    for (let n = 0; n < count; n++) core.writeUInt32LE(0x7777, note(core, type).at + 8);
  }

  test('what a core can do without may be missing', async () => {
    const core = Buffer.from(good);
    for (const type of [NT.PRPSINFO, NT.AUXV, NT.FILE]) rename(core, type, 1);
    const { tasks } = await readCore(bytesSource(core));
    expect(tasks.map(({ comm, tgid }) => [comm, tgid])).toEqual(tasks.map(() => ['', tasks[0]!.pid]));
    expect(tasks[0]!.mm!.vmas.every(({ ops }) => ops === 'none')).toBe(true);
    expect(tasks[0]!.mm!.auxv.every((word) => word === 0n)).toBe(true);
  });
});

describe('a damaged note of our own', () => {
  let own: Uint8Array;
  beforeAll(async () => {
    const source = bytesSource(good);
    const tree = await readCore(source);
    const sink = new BytesSink();
    await writeCore(tree, tree.rootPid, source, sink);
    own = sink.bytes;
  });

  /** Replaces text of the note by other text of the same length. */
  const replace =
    (from: string | RegExp, to: (found: string) => string): Damage =>
    (core) => {
      const { at, desc } = note(core, 0x54504b43, 0, 'CKPTREE');
      const text = core.toString('utf8', desc, desc + core.readUInt32LE(at + 4));
      const changed = text.replace(from, (found) => to(found).padEnd(found.length));
      expect(changed).not.toBe(text);
      expect(changed.length).toBe(text.length);
      core.write(changed, desc);
    };

  testAll(
    [
      ['no JSON', 'EBADMSG', replace('{', () => '[')],
      ['no UTF-8', 'EBADMSG', (core) => core.writeUInt8(0xff, note(core, 0x54504b43, 0, 'CKPTREE').desc + 9)],
      ['another document', 'EBADMSG', replace(/^.*$/s, () => '{"hello":1}')],
      ['a later version', 'EBADMSG', replace('"version":1', () => '"version":2')],
      ['an unknown field', 'EBADMSG', replace('"layout"', () => '"laypot"')],
      ['a negative address', 'EBADMSG', replace('"start":4', () => '"start":-')],
      ['a vma at no page', 'EBADMSG', replace('"start":4194304', () => '"start":4194305')],
      ['vmas out of order', 'EBADMSG', replace('"start":4194304', () => '"start":4202496')],
      ['a vma less than there is memory', 'EBADMSG', replace('"end":4202496', () => '"end":4198400')],
      [
        'contents where there can be none',
        'EBADMSG',
        replace('"pgoff":1027,"ops":"none"', () => '"pgoff":1,"ops":"special"'),
      ],
      ['a file that it does not have', 'EBADMSG', replace('"file":1', () => '"file":9')],
      ['a file table that it does not have', 'EBADMSG', replace('"fileTable":0', () => '"fileTable":1')],
      [
        'a number of more than 64 bits',
        'EBADMSG',
        replace(/"\d+","pgoff":1027/, () => '"99999999999999999999","pgoff":102'),
      ],
      ['a task without registers', 'EBADMSG', replace(/"pid":(\d+)/, () => '"pid":1')],
      [
        'registers without a task',
        'EBADMSG',
        (core) => {
          core.writeInt32LE(77, note(core, NT.PRSTATUS, 1).desc + 32);
        },
      ],
    ],
    () => own,
  );
});

describe('whatever is changed', () => {
  const structure = () => {
    const notes = u64(good, header(good, 'note') + PHDR.offset);
    const inHeaders = fc.nat({ max: 64 + 56 * 12 - 1 });
    const inNotes = fc.integer({ min: notes, max: good.length - 1 });
    return fc.tuple(fc.oneof(inHeaders, inNotes), fc.nat({ max: 7 }));
  };

  test('a core is read or refused with a code, and no read asks for what the file cannot have', async () => {
    const flips = fc.array(structure(), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(flips, fc.option(fc.nat({ max: good.length })), async (bits, length) => {
        const core = Buffer.from(good.subarray(0, length ?? good.length));
        for (const [offset, bit] of bits)
          if (offset < core.length) core.writeUInt8(core.readUInt8(offset) ^ (1 << bit), offset);
        const source = bytesSource(core);
        const failure = await failureOf({
          read(position, count) {
            expect(count).toBeLessThanOrEqual(good.length);
            return source.read(position, count);
          },
        });
        expect(failure === 'no failure' || isCkptError(failure)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('files that cost nothing because they are sparse', () => {
  /** The head of a core, and zeros without end. */
  const endless = (head: Uint8Array): ByteSource => ({
    read(position, length) {
      const bytes = new Uint8Array(length);
      bytes.set(head.subarray(position, position + length));
      return bytes;
    },
  });

  test.each<Case>([
    ['a table of eight million segments', 'E2BIG', extendedCount(2 ** 23)],
    [
      'notes without end',
      'E2BIG',
      (core) => core.writeBigUInt64LE(2n ** 50n, header(core, 'note') + PHDR.filesz),
    ],
    [
      'a note of a gigabyte',
      'E2BIG',
      (core) => {
        core.writeBigUInt64LE(2n ** 50n, header(core, 'note') + PHDR.filesz);
        core.writeUInt32LE(2 ** 30, note(core, NT.AUXV).at + 4);
      },
    ],
  ])('%s: %s', async (_name, code, damage) => {
    const core = Buffer.from(good);
    const error = await failureOf(endless(damaged(core, damage)));
    expect(error).toMatchObject({ code, fields: { position: expect.any(Number) } });
  });
});
