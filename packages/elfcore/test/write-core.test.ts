import { readFileSync } from 'node:fs';
import { readCore, writeCore } from '@ckptree/elfcore';
import { EXIT_ZOMBIE, type Mm, PAGE_SIZE, type StoredPages, type TaskTree } from '@ckptree/model';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { BytesSink, bytesSource } from './bytes.js';

const corpus = new URL('./corpus/threads.core', import.meta.url);
const source = bytesSource(readFileSync(corpus));
let tree: TaskTree<StoredPages>;
beforeAll(async () => {
  tree = await readCore(source);
});

/** The same tree with another address space in all of its tasks. */
function withMm(change: Partial<Mm<StoredPages>>): TaskTree<StoredPages> {
  const mm = { ...tree.tasks[0]!.mm!, ...change };
  return { ...tree, tasks: tree.tasks.map((task) => ({ ...task, mm })) };
}

const failureOf = async (changed: TaskTree<StoredPages>, pid = tree.rootPid): Promise<unknown> =>
  writeCore(changed, pid, source, new BytesSink()).then(
    () => 'no failure',
    (error: unknown) => error,
  );

// The example of the README.
test('a real core, read, written as the core of its second thread, and read again', async () => {
  const core = bytesSource(readFileSync(corpus));
  const { tasks } = await readCore(core);
  const [leader, second] = tasks;
  expect(second!.mm).toBe(leader!.mm);

  const sink = new BytesSink();
  const summary = await writeCore({ rootPid: leader!.pid, tasks }, second!.pid, core, sink);
  expect(summary).toMatchObject({ threads: 3, pages: 33 });

  const again = await readCore(bytesSource(sink.bytes));
  expect(again.rootPid).toBe(leader!.pid);
});

describe('a task that cannot be a core', () => {
  test('because it is not there', async () => {
    expect(await failureOf(tree, 4242)).toMatchObject({ code: 'ESRCH', fields: { pid: 4242 } });
  });

  test('because it has ended', async () => {
    const [leader, ...threads] = tree.tasks;
    const { mm: _, registers: __, files: ___, ...record } = leader!;
    const ended = { ...tree, tasks: [{ ...record, exitState: EXIT_ZOMBIE }, ...threads] };
    expect(await failureOf(ended)).toMatchObject({ code: 'EINVAL', fields: { pid: tree.rootPid } });
  });

  test('because it has memory that no image can hold either', async () => {
    const vmas = tree.tasks[0]!.mm!.vmas.map((vma) => ({ ...vma, ops: 'device' as const }));
    expect(await failureOf(withMm({ vmas }))).toMatchObject({
      code: 'ENOSYS',
      fields: { vma: '400000-401000' },
    });
  });

  test.each<[string, (mm: Mm<StoredPages>) => Partial<Mm<StoredPages>>]>([
    ['pages outside of the vmas', () => ({ memory: { runs: Float64Array.of(0x1000, 0, 1) } })],
    ['pages beyond the end of a vma', () => ({ memory: { runs: Float64Array.of(0x40_4000, 0, 2) } })],
    ['pages twice', () => ({ memory: { runs: Float64Array.of(0x40_3000, 0, 2, 0x40_4000, 0, 1) } })],
    ['vmas out of order', ({ vmas }) => ({ vmas: vmas.toReversed() })],
    [
      'pages of the vdso',
      ({ vmas }) => ({ vmas: vmas.map((vma) => (vma.ops === 'none' ? { ...vma, ops: 'special' } : vma)) }),
    ],
  ])('because it contradicts itself: %s', async (_name, change) => {
    expect(await failureOf(withMm(change(tree.tasks[0]!.mm!)))).toMatchObject({ code: 'EINVAL' });
  });

  test('because its pages are not where the tree says', async () => {
    const memory = { runs: Float64Array.of(0x40_3000, 10_000_000, 1) };
    expect(await failureOf(withMm({ memory }))).toMatchObject({
      code: 'EIO',
      fields: { position: 10_000_000 },
    });
  });

  test('because its memory is in too many pieces; the sink has not got a byte', async () => {
    const pieces = 2 ** 22 + 1;
    const runs = new Float64Array(pieces * 3);
    for (let piece = 0; piece < pieces; piece++) {
      runs[piece * 3] = 0x1_0000_0000 + piece * 2 * PAGE_SIZE;
      runs[piece * 3 + 2] = 1;
    }
    const heap = { ...tree.tasks[0]!.mm!.vmas[3]!, start: 0x1_0000_0000, end: 0x10_0000_0000 };
    const sink = new BytesSink();
    const changed = withMm({ vmas: [heap], memory: { runs } });
    await expect(writeCore(changed, tree.rootPid, source, sink)).rejects.toMatchObject({ code: 'E2BIG' });
    expect(sink.bytes).toHaveLength(0);
  });
});

test('a gigabyte passes through a mebibyte at a time', async () => {
  const GIB = 2 ** 30;
  const heap = { ...tree.tasks[0]!.mm!.vmas[3]!, start: 0x1_0000_0000, end: 0x1_0000_0000 + GIB };
  const memory = { runs: Float64Array.of(heap.start, 0, GIB / PAGE_SIZE) };
  const zeros = new Uint8Array(2 ** 20);
  let [largest, total] = [0, 0];
  const summary = await writeCore(
    withMm({ vmas: [heap], memory }),
    tree.rootPid,
    { read: (_position, length) => zeros.subarray(0, length) },
    {
      write({ length }) {
        largest = Math.max(largest, length);
        total += length;
      },
    },
  );
  expect(largest).toBe(2 ** 20);
  expect(summary).toMatchObject({ bytes: total, pages: GIB / PAGE_SIZE, segments: 2 });
});
