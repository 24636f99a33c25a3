import { CkptError } from '@ckptree/errors';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatFailure } from '../dist/output/failure.js';
import { jsonPieces } from '../dist/output/json-pieces.js';
import { paletteOf } from '../dist/output/palette.js';
import { printable } from '../dist/output/printable.js';
import { formatBytes, formatCount, formatDuration, plural } from '../dist/output/quantities.js';
import { formatTable } from '../dist/output/table.js';

const plain = paletteOf(false);

test('any report is in pieces the JSON that it is in one', () => {
  const report = fc.oneof(
    fc.jsonValue({ maxDepth: 5 }),
    fc.object({ values: [fc.string(), fc.constant(undefined)] }),
  );
  fc.assert(
    fc.property(report, (value) => {
      expect([...jsonPieces(value)].join('')).toBe(JSON.stringify(value, undefined, 2));
    }),
    { numRuns: 1000 },
  );
});

test('amounts have three figures and a unit', () => {
  expect(
    [0, 72, 1023, 1024, 1536, 10.5 * 2 ** 20, 261 * 2 ** 20, 2 ** 30, 5 * 2 ** 40].map(formatBytes),
  ).toEqual(['0 B', '72 B', '1023 B', '1 KiB', '1.50 KiB', '10.5 MiB', '261 MiB', '1 GiB', '5 TiB']);
  expect([0, 4.25, 412.4, 3_210, 31_234, 312_345, 1_240_000].map(formatDuration)).toEqual([
    '0 µs',
    '4.25 µs',
    '412 µs',
    '3.21 ms',
    '31.2 ms',
    '312 ms',
    '1.24 s',
  ]);
  expect([formatCount(1_234_567), plural(1, 'task'), plural(1_000, 'task')]).toEqual([
    '1,234,567',
    '1 task',
    '1,000 tasks',
  ]);
});

test('a table has its columns under their titles and nothing at the ends of its lines', () => {
  const columns = [
    { title: 'PID', align: 'right', value: ({ pid }: { pid: number }) => String(pid) },
    { title: 'COMM', value: ({ comm }: { comm: string }) => comm },
  ] as const;
  const rows = [
    { pid: 1, comm: 'init' },
    { pid: 400, comm: '' },
  ];
  expect(formatTable<{ pid: number; comm: string }>(columns, rows, plain)).toBe(
    'PID  COMM\n  1  init\n400\n',
  );
});

test('text from a file cannot steer a terminal', () => {
  expect(printable('a\u001b[31mred\u0007\n\u202e\u009b')).toBe('a\\x1b[31mred\\x07\\x0a\\u{202e}\\x9b');
  expect(printable('größe 日本')).toBe('größe 日本');
});

describe('errors', () => {
  const error = new CkptError(
    'EBUSY',
    'the address space has outstanding requests',
    {
      pid: 12,
      comm: 'sh\u001b',
      object: 'MM',
      objref: 3,
      vma: '7f00-8f00',
      path: '/tmp/a.img',
      position: 99,
    },
    new Error('disk on fire'),
  );

  test('say the code, the sentence and the place', () => {
    expect(formatFailure(error, plain, false)).toBe(
      'ckptree: EBUSY: the address space has outstanding requests\n' +
        '  at /tmp/a.img, byte 99, task 12 (sh\\x1b), MM 3, vma 7f00-8f00\n',
    );
  });

  test('say what is underneath when they are asked', () => {
    expect(formatFailure(error, plain, true)).toMatch(/\n {2}because of EIO: disk on fire\n$/);
  });

  test('do not say what the sentence says', () => {
    const told = new CkptError('ENOENT', 'cannot open /tmp/x', { path: '/tmp/x' });
    expect(formatFailure(told, plain, false)).toBe('ckptree: ENOENT: cannot open /tmp/x\n');
  });

  test('say the task, though the sentence has its number within another one', () => {
    const text = 'memory is used up: 1023 frames, 11 free';
    const first = formatFailure(new CkptError('ENOMEM', text, { pid: 1, comm: 'init' }), plain, false);
    expect(first).toBe(`ckptree: ENOMEM: ${text}\n  at task 1 (init)\n`);
    const named = new CkptError('ESRCH', 'of 10 tasks none is 1', { pid: 1 });
    expect(formatFailure(named, plain, false)).toBe('ckptree: ESRCH: of 10 tasks none is 1\n');
  });

  test('have no stack, whatever was thrown', () => {
    for (const thrown of [new TypeError('x is not a function'), 'text', undefined, null, { code: 'EIO' }])
      expect(formatFailure(thrown, plain, true)).toMatch(/^ckptree: EIO: [^\n]*\n$/);
  });
});
