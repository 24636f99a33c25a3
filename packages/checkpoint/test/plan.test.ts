import { batchSize } from '@ckptree/image';
import { AT_VECTOR_SIZE, type MemorySnapshot, PAGE_SIZE, REGISTERS_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { imageOf, planned } from './support/planned.js';
import { namesOf, recordsNamed, recordsOf, textOf } from './support/records.js';
import { fileTable, fileVma, mm, openFile, task, tree, vdso, vma, zombie } from './support/trees.js';

const HEAD = ['HEADER', 'BUFFER', 'BUFFER', 'BUFFER', 'HEADER_ARCH', 'CONTAINER', 'BUFFER', 'TREE', 'BUFFER'];
const TASK = ['TASK', 'STRING', 'THREAD', 'RESTART_BLOCK', 'CPU'];
const FILE = ['OBJREF', 'FILE', 'FILE_NAME'];

/** Memory with `pages` dirty pages from `start` on, all of the same frame. */
function memoryOf(start: number, pages: number): MemorySnapshot {
  const physical = new PhysicalMemory(200);
  const space = new AddressSpace(physical);
  const frame = physical.allocate();
  for (let page = 0; page < pages; page++) space.setPage(start + page * PAGE_SIZE, { frame });
  return space.snapshot();
}

describe('the records of an image', () => {
  test('of a live task are its own, its descriptor table, its mm, and the objrefs of both', async () => {
    const [log, exe, library] = [openFile(), openFile({ path: '/bin/app' }), openFile({ path: '/lib/c' })];
    const space = mm([fileVma(0x1000, 4, library), vma(0x8000, 2), vdso()], {
      exe,
      memory: memoryOf(0x8000, 1),
      context: { vdso: 0x1234_5000, ldt: Uint8Array.from({ length: 16 }, (_, index) => index) },
    });
    const image = await imageOf(tree(task(1, { files: fileTable([log, log]), mm: space })));
    expect(namesOf(image)).toEqual([
      ...HEAD,
      ...TASK,
      ...['OBJREF', 'FILE_TABLE', ...FILE, 'FILE_DESC', 'FILE_DESC'],
      ...['OBJREF', ...FILE, 'MM', 'BUFFER'],
      ...[...FILE, 'VMA', 'PGARR'],
      ...['VMA', 'PGARR', 'BUFFER', 'PGARR'],
      'VMA',
      ...['MM_CONTEXT', 'MM_CONTEXT_LDT'],
      'TASK_OBJS',
      'TAIL',
    ]);
    const objrefs = recordsNamed(image, 'OBJREF').map(({ body }) => body.getInt32(4, true));
    expect(objrefs).toEqual([1, 2, 3, 4, 5]);
    expect(recordsNamed(image, 'FILE_NAME').map(textOf)).toEqual([log.path, '/bin/app', '/lib/c']);
    const objs = recordsNamed(image, 'TASK_OBJS')[0]!.body;
    expect([objs.getInt32(0, true), objs.getInt32(4, true)]).toEqual([1, 3]);
    const context = recordsNamed(image, 'MM_CONTEXT')[0]!.body;
    expect([context.getBigUint64(0, true), context.getUint32(8, true), context.getUint32(12, true)]).toEqual([
      0x1234_5000n,
      8,
      2,
    ]);
    expect(recordsNamed(image, 'MM_CONTEXT_LDT')[0]!.body.getUint8(15)).toBe(15);
  });

  test('of a zombie end behind its name', async () => {
    const image = await imageOf(tree(task(1), zombie(2)));
    expect(namesOf(image)).toEqual([...HEAD, ...TASK, 'TASK_OBJS', 'TASK', 'STRING', 'TAIL']);
  });

  test('define a shared object where it is first reached; later uses are the objref alone', async () => {
    const shared = openFile();
    const table = fileTable([shared]);
    const space = mm([fileVma(0x1000, 1, shared)], { exe: shared });
    const image = await imageOf(
      tree(task(1, { files: table, mm: space }), task(2, { files: table, mm: space })),
    );
    expect(recordsNamed(image, 'OBJREF')).toHaveLength(3);
    expect(recordsNamed(image, 'MM')).toHaveLength(1);
    const objs = recordsNamed(image, 'TASK_OBJS').map(({ body }) => [
      body.getInt32(0, true),
      body.getInt32(4, true),
    ]);
    expect(objs).toEqual([
      [1, 3],
      [1, 3],
    ]);
    expect(recordsNamed(image, 'MM')[0]!.body.getInt32(4, true)).toBe(2);
    expect(recordsNamed(image, 'VMA')[0]!.body.getInt32(4, true)).toBe(2);
  });

  test('hold the auxiliary vector as u64, all 44 entries', async () => {
    const auxv = BigUint64Array.from({ length: AT_VECTOR_SIZE }, (_, index) => 2n ** 63n + BigInt(index));
    const image = await imageOf(tree(task(1, { mm: mm([], { auxv }) })));
    const records = recordsOf(image);
    const { body } = records[records.findIndex(({ name }) => name === 'MM') + 1]!;
    expect(body.byteLength).toBe(44 * 8);
    expect(auxv.every((entry, index) => body.getBigUint64(8 * index, true) === entry)).toBe(true);
  });

  test('hold the mm: flags, default flags, layout, executable, map count', async () => {
    const exe = openFile();
    const space = mm([vma(0x1000, 1)], { exe, flags: 2n ** 60n, defFlags: 2n ** 13n });
    const { body } = recordsNamed(await imageOf(tree(task(1, { mm: space }))), 'MM')[0]!;
    const u64s = Array.from({ length: 13 }, (_, index) => body.getBigUint64(8 + 8 * index, true));
    expect([body.getUint32(0, true), body.getInt32(4, true)]).toEqual([1, 2]);
    expect(u64s).toEqual([space.defFlags, space.flags, ...Object.values(space.layout).map(BigInt)]);
  });

  test('are one batch of pages after the other, each of at most 16 x 512, ended by a PGARR of 0', async () => {
    const pages = 8192 + 3;
    const space = mm([vma(0, pages)], { memory: memoryOf(0, pages) });
    const image = await imageOf(tree(task(1, { mm: space })));
    const records = recordsOf(image);
    const counts = recordsNamed(image, 'PGARR').map(({ body }) => Number(body.getBigUint64(0, true)));
    expect(counts).toEqual([8192, 3, 0]);
    const buffers = records.filter((_, index) => records[index - 1]?.name === 'PGARR').slice(0, 2);
    expect(buffers.map(({ body }) => body.byteLength)).toEqual(
      [8192, 3].map((count) => count * (8 + PAGE_SIZE)),
    );
    const last = buffers[1]!.body;
    expect([0, 8, 16].map((at) => last.getBigUint64(at, true))).toEqual(
      [8192, 8193, 8194].map((page) => BigInt(page * PAGE_SIZE)),
    );
  });

  test('hold all addresses of a batch, then all pages, in the same order', async () => {
    const physical = new PhysicalMemory(1200);
    const space = new AddressSpace(physical);
    // More than one page array, in frames that lie the other way round.
    const addresses = Array.from({ length: 600 }, (_, index) => (600 - index) * 2 * PAGE_SIZE);
    for (const address of addresses)
      space.setPage(address, { content: new Uint8Array(Uint32Array.of(address).buffer) });
    const image = await imageOf(tree(task(1, { mm: mm([vma(0, 2000)], { memory: space.snapshot() }) })));
    const records = recordsOf(image);
    const { body } = records[records.findIndex(({ name }) => name === 'PGARR') + 1]!;
    for (const [index, address] of addresses.sort((a, b) => a - b).entries()) {
      expect(Number(body.getBigUint64(index * 8, true))).toBe(address);
      expect(body.getUint32(600 * 8 + index * PAGE_SIZE, true)).toBe(address);
    }
  });

  test('say in the header whether the image is a subtree or a container', async () => {
    const uflags = async (subtree: boolean) =>
      recordsOf(await imageOf(tree(task(1)), { subtree }))[0]!.body.getBigUint64(56, true);
    expect(await uflags(true)).toBe(1n);
    expect(await uflags(false)).toBe(0n);
  });
});

describe('a plan', () => {
  test('knows size and position of everything: its segments cover the image, and so do records and batches', () => {
    fc.assert(
      fc.property(arbitraryTree, (any) => {
        const plan = planned(any);
        let [position, record, batch] = [0, 0, 0];
        for (const segment of plan.segments) {
          expect(segment).toMatchObject({ position, records: { start: record }, batches: { start: batch } });
          const batches = plan.batches.slice(batch, segment.batches.end);
          const contents = batches.reduce((sum, { pages }) => sum + batchSize(pages), 0);
          expect(segment.size).toBe(segment.records.end - record + contents);
          position += segment.size;
          [record, batch] = [segment.records.end, segment.batches.end];
        }
        expect([position, record, batch]).toEqual([plan.size, plan.records.length, plan.batches.length]);
        expect(plan.batches.reduce((sum, { pages }) => sum + pages, 0)).toBe(plan.figures.pages);
      }),
    );
  });

  test('has a segment for the head, each task, each mm that is first met, and the tail', () => {
    const space = mm([vma(0x1000, 1)], { users: 2 });
    const plan = planned(tree(task(1, { mm: space }), task(2, { mm: space }), zombie(3)));
    expect(plan.segments.map(({ kind, pid, objref }) => [kind, pid, objref])).toEqual([
      ['head', 0, 0],
      ['task', 1, 0],
      ['mm', 1, 1],
      ['task', 1, 0],
      ['task', 2, 0],
      ['task', 3, 0],
      ['tail', 0, 0],
    ]);
    expect(plan.figures).toEqual({ tasks: 3, mms: 1, files: 0, pages: 0 });
  });

  test('keeps its records in shared memory, so that threads need no copy', () => {
    expect(planned(tree(task(1))).records.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  test('of one tree is always the same', () => {
    fc.assert(
      fc.property(arbitraryTree, (any) => {
        const [one, other] = [planned(any), planned(any)];
        expect(Buffer.compare(one.records, other.records)).toBe(0);
        expect(one.segments).toEqual(other.segments);
      }),
    );
  });

  test('of ten thousand tasks takes as much for each of them as that of ten', () => {
    const exe = openFile();
    const planOf = (count: number) =>
      planned(
        tree(
          ...Array.from({ length: count }, (_, index) =>
            task(index + 1, {
              comm: 'alike',
              mm: mm([vma(0x1000, 1), vma(0x8000, 4), vdso()], { exe }),
              files: fileTable([openFile({ path: '/alike' })]),
            }),
          ),
        ),
      );
    const [few, more, many] = [planOf(10), planOf(20), planOf(10_000)];
    expect(many.figures.mms).toBe(10_000);
    const ofTen = more.records.length - few.records.length;
    expect(many.records.length).toBe(few.records.length + 999 * ofTen);
    expect(many.segments.length - few.segments.length).toBe(
      999 * (more.segments.length - few.segments.length),
    );
  });

  test('of a live task without its registers is refused', () => {
    const { registers, ...broken } = task(5, { comm: 'bad' });
    expect(registers).toHaveLength(REGISTERS_SIZE);
    expect(() => planned(tree(broken))).toThrow(
      expect.objectContaining({ code: 'EINVAL', fields: { pid: 5, comm: 'bad' } }),
    );
  });
});
