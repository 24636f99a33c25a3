import { readCore, writeCore } from '@ckptree/elfcore';
import { isCkptError } from '@ckptree/errors';
import type { ByteSource } from '@ckptree/model';
import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { treeOfNote } from '../dist/tree-of-note.js';
import type { TreeNote } from '../dist/tree-schema.js';
import { BytesSink, bytesSource } from './bytes.js';
import {
  type Case,
  damaged,
  EHDR,
  extendedCount,
  failureOf,
  good,
  header,
  NT,
  note,
  PHDR,
  u64,
} from './damage.js';

describe('whatever is changed', () => {
  let own: Buffer;
  beforeAll(async () => {
    const source = bytesSource(good);
    const tree = await readCore(source);
    const sink = new BytesSink();
    await writeCore(tree, tree.rootPid, source, sink);
    own = Buffer.from(sink.bytes);
  });

  /** A bit that is flipped, so many bytes into the headers or the notes (modulo their length). */
  const flips = fc.array(fc.tuple(fc.constantFrom('headers', 'notes'), fc.nat(), fc.nat({ max: 7 })), {
    minLength: 1,
    maxLength: 3,
  });
  type Flip = readonly [where: 'headers' | 'notes', far: number, bit: number];

  function flipped(original: Buffer, flips: readonly Flip[]): Buffer {
    const core = Buffer.from(original);
    const notes = header(original, 'note');
    const ranges = {
      headers: [0, u64(original, EHDR.phoff) + original.readUInt16LE(EHDR.phnum) * 56],
      notes: [u64(original, notes + PHDR.offset), u64(original, notes + PHDR.filesz)],
    } as const;
    for (const [where, far, bit] of flips) {
      const [start, length] = ranges[where];
      const offset = start + (far % length);
      core.writeUInt8(core.readUInt8(offset) ^ (1 << bit), offset);
    }
    return core;
  }

  test('a core is read or refused with a code, and no read asks for what the file cannot have', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), flips, fc.option(fc.nat()), async (ours, bits, cut) => {
        const whole = flipped(ours ? own : good, bits);
        const core = whole.subarray(0, cut === null ? whole.length : cut % whole.length);
        const source = bytesSource(core);
        const failure = await failureOf({
          read(position, count) {
            expect(count).toBeLessThanOrEqual(whole.length);
            return source.read(position, count);
          },
        });
        expect(failure === 'no failure' || isCkptError(failure)).toBe(true);
      }),
      { numRuns: 500 },
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
    ['a table of eight million segments', 'E2BIG', '8388608 segments', extendedCount(2 ** 23)],
    [
      'notes without end',
      'E2BIG',
      'more than 262144 notes',
      (core) => core.writeBigUInt64LE(2n ** 50n, header(core, 'note') + PHDR.filesz),
    ],
    [
      'a note of a gigabyte',
      'E2BIG',
      '1073741824 bytes',
      (core) => {
        core.writeBigUInt64LE(2n ** 50n, header(core, 'note') + PHDR.filesz);
        core.writeUInt32LE(2 ** 30, note(core, NT.AUXV).at + 4);
      },
    ],
  ])('%s: %s', async (_name, code, says, damage) => {
    const core = Buffer.from(good);
    const error = await failureOf(endless(damaged(core, damage)));
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
  });
});

test('as many descriptor tables as tasks are counted in one pass over the tasks', () => {
  const count = 500;
  let looks = 0;
  const word = '0';
  const tasks = Array.from({ length: count }, (_, index) => ({
    ...{ pid: index + 1, ppid: 0, tgid: 1, pgid: 1, sid: 1, comm: 'x', state: 0, exitState: 0 as const },
    ...{ exitCode: 0, exitSignal: -1, pdeathSignal: 0, usedMath: 0 },
    ...{ setChildTid: word, clearChildTid: word, robustList: word },
    get fileTable() {
      looks++;
      return index;
    },
  }));
  const note = {
    ...{ version: 1, tasks, fileTables: tasks.map(() => []), files: [] },
    mm: { layout: {}, flags: word, defFlags: word, vdso: 0, ldt: '', vmas: [] },
  } as unknown as TreeNote;
  const threads = tasks.map(({ pid }) => ({
    pid,
    ppid: 0,
    pgid: 1,
    sid: 1,
    userRegs: new Uint8Array(27 * 8),
  }));
  const tree = treeOfNote(note, { threads, auxv: new BigUint64Array(44), loads: [] }, 0);
  expect(tree.tasks.map(({ files }) => files?.users)).toEqual(tasks.map(() => 1));
  expect(looks).toBeLessThan(5 * count);
});
