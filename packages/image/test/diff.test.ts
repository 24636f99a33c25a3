import {
  bytesSource,
  DIFF_SCHEMA,
  type DiffReport,
  diffTrees,
  formatDiff,
  type ImageHead,
  readTree,
} from '@ckptree/image';
import { type ByteSource, EXIT_ZOMBIE, PAGE_SIZE, type Task } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { GOOD } from './support/good.js';
import { anonymous, family, fileTable, HEAD, mm, page, single, task } from './support/trees.js';
import { type Pages, writeImage } from './support/write-image.js';

const isValid = new Ajv2020({ strict: true }).compile(DIFF_SCHEMA);

async function diffImages(a: Uint8Array, b: Uint8Array): Promise<DiffReport> {
  const [inA, inB] = [bytesSource(a), bytesSource(b)];
  const report = await diffTrees(
    { contents: await readTree(inA), source: inA },
    { contents: await readTree(inB), source: inB },
  );
  expect(isValid(JSON.parse(JSON.stringify(report))) || isValid.errors).toBe(true);
  return report;
}

const diff = (a: readonly Task<Pages>[], b: readonly Task<Pages>[], head: ImageHead = HEAD) =>
  diffImages(writeImage(HEAD, a), writeImage(head, b));

/** The family with one task changed. */
const changed = (index: number, change: (task: Task<Pages>) => Partial<Task<Pages>>) =>
  family().map((task, at) => (at === index ? { ...task, ...change(task) } : task));

/** The family with another task in the place of one. */
const changedTo = (index: number, other: () => Task<Pages>) =>
  family().map((task, at) => (at === index ? other() : task));

const withMemory = (memory: Pages) => [
  task(10, { mm: mm([anonymous(0x1000_0000, 600)], memory), files: fileTable([]) }),
];

describe('equal', () => {
  test.each(Object.keys(GOOD))('%s and itself', async (name) => {
    expect(await diffImages(GOOD[name]!(), GOOD[name]!())).toMatchObject({ equal: true });
  });

  test('the same tree in other batches, and with short vma records', async () => {
    expect(await diffImages(GOOD.family!(), GOOD['one-page-a-batch']!())).toMatchObject({ equal: true });
    const report = await diffImages(GOOD.family!(), GOOD['short-vmas']!());
    expect(report).toMatchObject({ equal: true, pages: { compared: 6 } });
    expect(formatDiff(report)).toBe('equal: every field and 6 pages\n');
  });

  test('one source on both sides, though each answer overwrites the last', async () => {
    const image = GOOD.family!();
    const buffer = Buffer.alloc(1 << 20);
    const source: ByteSource = {
      read: (position, length) =>
        buffer.subarray(
          0,
          buffer.fill(image.subarray(position, position + length)) &&
            Math.max(0, Math.min(length, image.length - position)),
        ),
    };
    const contents = await readTree(bytesSource(image));
    expect(await diffTrees({ contents, source }, { contents, source })).toMatchObject({ equal: true });
  });
});

describe('different', () => {
  test('the head', async () => {
    const report = await diff(single(), single(), { ...HEAD, time: 5n, subtree: false });
    expect(report).toMatchObject({
      equal: false,
      head: [
        { field: 'header.time', a: '1265000000', b: '5' },
        { field: 'header.uflags', a: '0x1', b: '0x0' },
      ],
      tasks: [],
    });
    expect(formatDiff(report)).toContain('header.time');
  });

  test('a task: fields and registers', async () => {
    const registers = family()[2]!.registers!.slice();
    registers[16 * 8] = 0xff;
    const report = await diff(
      family(),
      changed(2, () => ({ exitSignal: -1, comm: 'other', registers })),
    );
    expect(report.tasks).toEqual([
      {
        pid: 12,
        comm: 'child',
        fields: [
          { field: 'comm', a: 'child', b: 'other' },
          { field: 'exitSignal', a: '17', b: '-1' },
          { field: 'registers.ip', a: '0x939291908f8e8d8c', b: '0x939291908f8e8dff' },
        ],
      },
    ]);
  });

  test('a task that is a zombie in one of them: its status, and that what only a living task has is gone', async () => {
    const { registers: _, mm: __, files: ___, ...dead } = family()[2]!;
    const ended = { ...dead, exitState: EXIT_ZOMBIE, exitCode: 9 };
    const report = await diff(
      family(),
      changedTo(2, () => ended),
    );
    expect(report.tasks).toEqual([
      {
        pid: 12,
        comm: 'child',
        fields: [
          { field: 'exitState', a: '0', b: '16' },
          { field: 'exitCode', a: '0', b: '9' },
          { field: 'registers', a: 'present' },
          { field: 'mm', a: 'of task 12' },
          { field: 'files', a: 'of task 10' },
          { field: 'records.thread', a: 'present' },
          { field: 'records.restartBlock', a: 'present' },
        ],
      },
    ]);
    expect(formatDiff(report).split('\n').length).toBeLessThan(12);
    const back = await diff(
      changedTo(2, () => ended),
      family(),
    );
    expect(back.tasks[0]!.fields).toContainEqual({ field: 'registers', b: 'present' });
  });

  test('which tasks there are, without making the others different', async () => {
    const orphaned = family()
      .filter(({ pid }) => pid !== 12)
      .map((one) => (one.pid === 13 ? { ...one, ppid: 10 } : one));
    const report = await diff(family(), orphaned);
    expect(report).toMatchObject({
      tasksOnlyInA: [{ pid: 12, comm: 'child' }],
      tasksOnlyInB: [],
      tasks: [{ pid: 13, fields: [{ field: 'ppid', a: '12', b: '10' }] }],
      fileTables: [],
      addressSpaces: [],
    });
    expect((await diff(orphaned, family())).tasksOnlyInB).toEqual([{ pid: 12, comm: 'child' }]);
    expect(formatDiff(report)).toContain('task 12 (child) is only in A\n');
  });

  test('the order of tasks', async () => {
    const [leader, thread, child, zombie] = family();
    const report = await diff([leader!, thread!, child!, zombie!], [leader!, child!, zombie!, thread!]);
    expect(report.tasks.map(({ pid }) => pid)).toEqual([11, 12, 13]);
  });

  test('who shares what', async () => {
    const copied = await diff(
      family(),
      changed(1, ({ mm: shared }) => ({ mm: { ...shared! } })),
    );
    expect(copied.tasks).toMatchObject([
      { pid: 11, fields: [{ field: 'mm', a: 'of task 10', b: 'of task 11' }] },
    ]);
    const [leader] = family();
    const [first, ...others] = leader!.files!.descriptors;
    const reopened = fileTable([first!, ...others.map((one) => ({ ...one, file: { ...one.file } }))]);
    const report = await diff(
      family(),
      family().map((one) => (one.files ? { ...one, files: reopened } : one)),
    );
    expect(report.fileTables).toMatchObject([
      {
        pids: [10, 11, 12],
        fields: [{ field: 'descriptors.7.file.opened', a: 'fd 1 of task 10', b: 'fd 7 of task 10' }],
      },
    ]);
  });

  test('a descriptor that only one has', async () => {
    const table = family()[0]!.files!;
    const fewer = fileTable(table.descriptors.slice(0, 2));
    const report = await diff(
      family(),
      family().map((one) => (one.files ? { ...one, files: fewer } : one)),
    );
    expect(report.fileTables[0]?.fields).toContainEqual({ field: 'descriptors.7.closeOnExec', a: 'true' });
    expect(formatDiff(report)).toMatch(/descriptors\.7\.file\.path +\/var\/log\/family.log +-\n/);
  });

  test('address spaces and their vmas', async () => {
    const memory = new Map([[0x1000_0000, page(1)]]);
    const a = [task(10, { mm: mm([anonymous(0x1000_0000, 2), anonymous(0x2000_0000, 1)], memory) })];
    const b = [
      task(10, {
        mm: mm([anonymous(0x1000_0000, 3, { flags: 0x71 }), anonymous(0x3000_0000, 1)], memory, {
          defFlags: 1n,
        }),
      }),
    ];
    const report = await diff(a, b);
    expect(report.addressSpaces).toEqual([
      {
        pids: [10],
        a: 1,
        b: 1,
        fields: [{ field: 'defFlags', a: '0x0', b: '0x1' }],
        vmas: [
          {
            vma: '10000000-10002000',
            fields: [
              { field: 'end', a: '0x10002000', b: '0x10003000' },
              { field: 'flags', a: '0x100073', b: '0x71' },
            ],
          },
          { vma: '20000000-20001000', onlyIn: 'a', fields: [] },
          { vma: '30000000-30001000', onlyIn: 'b', fields: [] },
        ],
      },
    ]);
    expect(formatDiff(report)).toContain('vma 20000000-20001000 is only in A\n');
  });

  test('pages, as runs, with their numbers', async () => {
    const pages = (from: number, to: number, seed: number): [number, Uint8Array][] =>
      Array.from({ length: to - from }, (_, index) => [0x1000_0000 + (from + index) * PAGE_SIZE, page(seed)]);
    const a = new Map([...pages(0, 400, 1), ...pages(500, 510, 1)]);
    const b = new Map([...pages(0, 100, 1), ...pages(100, 103, 2), ...pages(103, 450, 1)]);
    const report = await diff(withMemory(a), withMemory(b));
    expect(report.pages).toEqual({ compared: 460, differ: 3, onlyInA: 10, onlyInB: 50 });
    expect(report.addressSpaces[0]?.vmas[0]?.pages).toEqual({
      differ: 3,
      onlyInA: 10,
      onlyInB: 50,
      runs: [
        { address: '0x10064000', pages: 3, how: 'differ' },
        { address: '0x10190000', pages: 50, how: 'onlyInB' },
        { address: '0x101f4000', pages: 10, how: 'onlyInA' },
      ],
    });
    expect(formatDiff(report)).toContain('0x10064000: 3 pages with other contents\n');
  });

  test('a page that is in other vmas on the two sides is told of where it is', async () => {
    const at = (start: number, pages: number) => [
      task(10, { mm: mm([anonymous(start, pages)], new Map([[0x1000_4000, page(pages)]])) }),
    ];
    const report = await diff(at(0x1000_0000, 16), at(0x1000_4000, 4));
    expect(report.addressSpaces[0]?.vmas).toMatchObject([
      { vma: '10000000-10010000', onlyIn: 'a', pages: { differ: 1 } },
      { vma: '10004000-10008000', onlyIn: 'b' },
    ]);
  });
});

test('a source that ends before its pages is an error', async () => {
  const image = GOOD.family!();
  const contents = await readTree(bytesSource(image));
  const short = { contents, source: bytesSource(image.subarray(0, 7000)) };
  await expect(diffTrees(short, { contents, source: bytesSource(image) })).rejects.toMatchObject({
    code: 'EIO',
    fields: { position: 6194 },
  });
});

test('a comparison tells how far it is', async () => {
  const image = GOOD.family!();
  const side = { contents: await readTree(bytesSource(image)), source: bytesSource(image) };
  const progress: number[] = [];
  await diffTrees(side, side, { onProgress: (bytes) => progress.push(bytes / PAGE_SIZE) });
  expect(progress).toEqual([0, 1, 3, 4, 5]);
});

test('a comparison can be cancelled', async () => {
  const image = GOOD.family!();
  const side = { contents: await readTree(bytesSource(image)), source: bytesSource(image) };
  await expect(diffTrees(side, side, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'EINTR',
  });
});

test('of more differences than anybody reads the first are listed, and the others counted', async () => {
  const areas = 30_000;
  const apart = (first: number) => [
    task(10, {
      mm: mm(
        Array.from({ length: areas }, (_, index) => anonymous(first + index * 0x4000, 1)),
        new Map(),
      ),
      files: fileTable([]),
    }),
  ];
  const report = await diff(apart(0x1000_0000), apart(0x1000_2000));
  const [space] = report.addressSpaces;
  expect(space!.vmas[0]).toMatchObject({ vma: '10000000-10001000', onlyIn: 'a' });
  expect(space!.vmas.length).toBe(10_000);
  expect(report.moreDifferences).toBe(2 * areas - 10_000);
  expect(formatDiff(report)).toContain('... and 50000 differences more, which are not listed\n');
});

test('of pages that differ one by one the first runs are listed, and all are counted', async () => {
  const start = 0x1000_0000;
  const [areas, pages] = [12, 2_000];
  const scattered = (value: number) => [
    task(10, {
      mm: mm(
        Array.from({ length: areas }, (_, area) => anonymous(start + area * 2 ** 24, pages)),
        new Map(
          Array.from({ length: (areas * pages) / 2 }, (_, index) => {
            const [area, page] = [Math.floor(index / (pages / 2)), (index % (pages / 2)) * 2];
            return [
              start + area * 2 ** 24 + page * PAGE_SIZE,
              new Uint8Array(PAGE_SIZE).fill(value),
            ] as const;
          }),
        ),
      ),
      files: fileTable([]),
    }),
  ];
  const report = await diff(scattered(1), scattered(2));
  expect(report.pages).toMatchObject({ differ: (areas * pages) / 2 });
  const { vmas } = report.addressSpaces[0]!;
  expect(vmas.map(({ pages: { runs } = { runs: [] } }) => runs.length)).toEqual(Array(10).fill(1000));
  expect(report.moreDifferences).toBe(2);
});

test('the last run that is listed is told in full', async () => {
  const start = 0x1000_0000;
  const [areas, pages, last] = [10, 2_000, 400];
  // Every second page of each area but the end of the last one, which differs in one piece.
  const differing = (value: number) => [
    task(10, {
      mm: mm(
        Array.from({ length: areas }, (_, area) => anonymous(start + area * 2 ** 24, pages + last)),
        new Map(
          Array.from({ length: areas }, (_, area) => area).flatMap((area) => {
            const single = Array.from({ length: pages / 2 }, (_, index) => 2 * index);
            const whole = Array.from({ length: last }, (_, index) => pages - 1 + index);
            return [...single, ...(area === areas - 1 ? whole : [])].map(
              (page) =>
                [start + area * 2 ** 24 + page * PAGE_SIZE, new Uint8Array(PAGE_SIZE).fill(value)] as const,
            );
          }),
        ),
      ),
      files: fileTable([]),
    }),
  ];
  const report = await diff(differing(1), differing(2));
  const runs = report.addressSpaces[0]!.vmas.at(-1)!.pages!.runs;
  expect(runs.at(-1)).toMatchObject({ pages: last + 1 });
});
