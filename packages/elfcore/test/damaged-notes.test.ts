import { readCore, writeCore } from '@ckptree/elfcore';
import { EXIT_ZOMBIE, type Mm, type StoredPages, type Task } from '@ckptree/model';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { BytesSink, bytesSource } from './bytes.js';
import { type Damage, failureOf, good, header, NT, note, PHDR, testAll } from './damage.js';

describe('damaged notes', () => {
  const psinfo = (core: Buffer) => note(core, NT.PRPSINFO);
  const status = (core: Buffer, n = 0) => note(core, NT.PRSTATUS, n);
  const files = (core: Buffer) => note(core, NT.FILE).desc;

  testAll(
    [
      [
        'segment behind the end',
        'EBADMSG',
        'a note segment',
        (core) => noteSegment(core, 'offset', BigInt(core.length)),
      ],
      [
        'segment of 2^60 bytes',
        'EBADMSG',
        'length of a note segment',
        (core) => noteSegment(core, 'filesz', 2n ** 60n),
      ],
      [
        'owner of four gigabytes',
        'EBADMSG',
        '4294967295 + 336 bytes',
        (core) => core.writeUInt32LE(2 ** 32 - 1, status(core).at),
      ],
      [
        'descriptor of four gigabytes',
        'EBADMSG',
        '5 + 4294967295 bytes',
        (core) => core.writeUInt32LE(2 ** 32 - 1, status(core).at + 4),
      ],
      ['no thread', 'EBADMSG', 'no thread', (core) => rename(core, NT.PRSTATUS, 3)],
      [
        'thread status of another size',
        'EBADMSG',
        '332 bytes',
        (core) => core.writeUInt32LE(332, status(core, 2).at + 4),
      ],
      ['process of another size', 'EBADMSG', '120 bytes', shrink(NT.PRPSINFO, 120)],
      [
        'thread with pid 0',
        'EBADMSG',
        'has the pid 0',
        (core) => core.writeInt32LE(0, status(core).desc + 32),
      ],
      [
        'thread with pid -7',
        'EBADMSG',
        'has the pid -7',
        (core) => core.writeInt32LE(-7, status(core).desc + 32),
      ],
      [
        'process with session -7',
        'EBADMSG',
        'negative id',
        (core) => core.writeInt32LE(-7, psinfo(core).desc + 36),
      ],
      [
        'two threads with one pid',
        'EBADMSG',
        'two threads',
        (core) => core.copyWithin(status(core).desc, status(core, 1).desc, status(core, 1).desc + 336),
      ],
      [
        'a second process',
        'EBADMSG',
        'second note NT_PRPSINFO',
        (core) => core.writeUInt32LE(NT.PRPSINFO, status(core).at + 8),
      ],
      ['an auxiliary vector of odd length', 'EBADMSG', '344 bytes', shrink(NT.AUXV, 344)],
      [
        '2^60 mapped files',
        'EBADMSG',
        '1152921504606846976 entries',
        (core) => core.writeBigUInt64LE(2n ** 60n, files(core)),
      ],
      ['one mapped file too many', 'EBADMSG', 'has no end', (core) => core.writeBigUInt64LE(5n, files(core))],
      [
        'a mapped file at no page',
        'EBADMSG',
        'no range of user pages',
        (core) => core.writeBigUInt64LE(0x40_0010n, files(core) + 16),
      ],
      [
        'a mapped file that ends before it begins',
        'EBADMSG',
        'no range of user pages',
        (core) => core.writeBigUInt64LE(0n, files(core) + 24),
      ],
      [
        'a mapped file in the kernel',
        'EBADMSG',
        'no range of user pages',
        (core) => core.writeBigUInt64LE(2n ** 63n, files(core) + 24),
      ],
      [
        'a mapped file from half a page',
        'EBADMSG',
        'no page of a file',
        (core) => core.writeBigUInt64LE(7n, files(core) + 32),
      ],
      [
        'two files in one place',
        'EBADMSG',
        'both said to be mapped',
        (core) => core.writeBigUInt64LE(0x40_3000n, files(core) + 24),
      ],
      ['mapped files without a head', 'EBADMSG', 'has no head', shrink(NT.FILE, 8)],
      [
        'a path of no bytes',
        'EBADMSG',
        'path 0 of the mapped files is empty',
        (core) => core.writeUInt8(0, files(core) + 16 + Number(core.readBigUInt64LE(files(core))) * 24),
      ],
      [
        'a path without an end',
        'EBADMSG',
        'has no end',
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

  /** Makes the descriptor of a note shorter; a note that is skipped fills the gap. */
  function shrink(type: number, size: number): Damage {
    return (core) => {
      const { at, desc } = note(core, type);
      const gap = core.readUInt32LE(at + 4) - size;
      core.writeUInt32LE(size, at + 4);
      core.fill(0, desc + size, desc + size + 12);
      core.writeUInt32LE(gap - 12, desc + size + 4);
    };
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
      ['no JSON', 'EBADMSG', 'no JSON', replace('{', () => '[')],
      [
        'no UTF-8',
        'EBADMSG',
        'no JSON',
        (core) => core.writeUInt8(0xff, note(core, 0x54504b43, 0, 'CKPTREE').desc + 9),
      ],
      ['another document', 'EBADMSG', 'is missing', replace(/^.*$/s, () => '{"hello":1}')],
      ['a later version', 'EBADMSG', '/version', replace('"version":1', () => '"version":2')],
      ['an unknown field', 'EBADMSG', 'layout is missing', replace('"layout"', () => '"laypot"')],
      ['a negative address', 'EBADMSG', '/mm/vmas/0/start', replace('"start":4', () => '"start":-')],
      ['a vma at no page', 'EBADMSG', 'at no page', replace('"start":4194304', () => '"start":4194305')],
      ['vmas out of order', 'EBADMSG', 'out of order', replace('"start":4194304', () => '"start":4202496')],
      [
        'a vma less than there is memory',
        'EBADMSG',
        'list of vmas has none',
        replace('"start":4206592', () => '"start":4210688'),
      ],
      [
        'contents where there can be none',
        'EBADMSG',
        'cannot have contents',
        replace('"pgoff":1027,"ops":"none"', () => '"pgoff":1,"ops":"special"'),
      ],
      ['a file that it does not have', 'EBADMSG', 'file 9', replace('"file":1', () => '"file":9')],
      [
        'a file table that it does not have',
        'EBADMSG',
        'file table 1',
        replace('"fileTable":0', () => '"fileTable":1'),
      ],
      [
        'a number of more than 64 bits',
        'EBADMSG',
        'more than 64 bits',
        replace(/"\d+","pgoff":1027/, () => '"99999999999999999999","pgoff":102'),
      ],
      [
        'a task before its parent and leader',
        'EBADMSG',
        'before its parent',
        replace(/"tgid":\d+(?=[^}]*}],"fileTables")/, () => '"tgid":1'),
      ],
      [
        'two tasks with one pid',
        'EBADMSG',
        'two tasks',
        replace(/("pid":)(\d+)(.*?"pid":)\d+/, (found) => found.replace(/(\d+)(.*:)\d+$/, '$1$2$1')),
      ],
      [
        'a name that is too long',
        'EBADMSG',
        'more than 15 bytes',
        replace(/"ppid.*?"threads"/, () => '"ppid":1,"tgid":1,"pgid":1,"sid":1,"comm":"sixteen letters!"'),
      ],
      [
        'a file mapping without a file',
        'EBADMSG',
        'at odds with its file',
        replace('"pgoff":1027,"ops":"none"', () => '"pgoff":1027,"ops":"file"'),
      ],
      [
        'a task without registers',
        'EBADMSG',
        'has no registers',
        replace(/"pid":\d+(?=[^}]*}],"fileTables")/, () => '"pid":1'),
      ],
      [
        'registers without a task',
        'EBADMSG',
        'has no registers',
        (core) => {
          core.writeInt32LE(77, note(core, NT.PRSTATUS, 1).desc + 32);
        },
      ],
    ],
    () => own,
  );
});

describe('what no image could hold is refused in a note of our own, too', () => {
  type Living = Task<StoredPages> & { mm: Mm<StoredPages> };
  const layout =
    (changes: object) =>
    ({ mm, ...task }: Living) => ({ ...task, mm: { ...mm, layout: { ...mm.layout, ...changes } } });
  const context =
    (changes: object) =>
    ({ mm, ...task }: Living) => ({ ...task, mm: { ...mm, context: { ...mm.context, ...changes } } });

  test.each<[name: string, field: string, change: (task: Living) => Task<StoredPages>]>([
    ['the end of the heap beyond user space', '/mm/layout/brk', layout({ brk: 2 ** 47 + 1 })],
    ['a vdso beyond user space', '/mm/vdso', context({ vdso: 2 ** 47 + 1 })],
    ['more descriptors than a processor takes', '/mm/ldt', context({ ldt: new Uint8Array(8193 * 8) })],
    ['descriptors without end', '/mm/ldt', context({ ldt: new Uint8Array(24e6) })],
    ['a signal that there is not', '/tasks/0/exitSignal', (task) => ({ ...task, exitSignal: 65 })],
    [
      'a signal at the death of the parent that there is not',
      '/tasks/0/pdeathSignal',
      (task) => ({ ...task, pdeathSignal: -1 }),
    ],
    [
      'an executable without a name',
      '/files/0/path',
      (task) => ({ ...task, mm: { ...task.mm, exe: { ...task.mm.exe!, path: '' } } }),
    ],
  ])('%s', async (_name, field, change) => {
    const { tasks } = await readCore(bytesSource(good));
    const sink = new BytesSink();
    const changed = change(tasks[0] as Living);
    await writeCore({ rootPid: changed.pid, tasks: [changed] }, changed.pid, bytesSource(good), sink);
    expect(await failureOf(bytesSource(sink.bytes))).toMatchObject({
      ...{ name: 'CkptError', code: 'EBADMSG' },
      message: expect.stringContaining(`${field} must`),
    });
  });

  test('a status that wait() never tells', async () => {
    const { tasks } = await readCore(bytesSource(good));
    const [leader] = tasks;
    const { mm: _mm, files: _files, registers: _registers, ...identity } = leader!;
    const zombie = { ...identity, pid: 99_999, exitState: EXIT_ZOMBIE, exitCode: 0x1_0000 };
    const sink = new BytesSink();
    const tree = { rootPid: leader!.pid, tasks: [leader!, zombie] };
    await writeCore(tree, leader!.pid, bytesSource(good), sink);
    expect(await failureOf(bytesSource(sink.bytes))).toMatchObject({
      code: 'EBADMSG',
      message: expect.stringContaining('/tasks/1/exitCode must'),
    });
  });
});
