import { VMA_TYPE } from '@ckptree/image';
import { type MemorySnapshot, PAGE_SIZE, type Vma } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { imageOf } from './support/planned.js';
import { recordsNamed, recordsOf, textOf } from './support/records.js';
import { fileVma, mm, NO_MEMORY, openFile, task, tree, VDSO_START, vdso, vma } from './support/trees.js';

const START = 0x1000;

/** Three pages: one written, one only read, one written. */
function touchedAt(start: number): MemorySnapshot {
  const space = new AddressSpace(new PhysicalMemory(8));
  space.setPage(start, { content: Uint8Array.of(1) });
  space.setPage(start + PAGE_SIZE, { content: Uint8Array.of(2), dirty: false });
  space.setPage(start + 2 * PAGE_SIZE, { content: Uint8Array.of(3) });
  return space.snapshot();
}

/** The records of one vma, from the first that belongs to it up to MM_CONTEXT. */
async function recordsOfVma(one: Vma, memory: MemorySnapshot) {
  const records = recordsOf(await imageOf(tree(task(1, { mm: mm([one], { memory }) }))));
  const auxv = records.findIndex(({ name }) => name === 'MM') + 1;
  return records.slice(
    auxv + 1,
    records.findIndex(({ name }) => name === 'MM_CONTEXT'),
  );
}

async function vmaRecord(one: Vma) {
  const { body } = (await recordsOfVma(one, NO_MEMORY)).find(({ name }) => name === 'VMA')!;
  return {
    type: body.getUint32(0, true),
    objref: body.getInt32(4, true),
    range: [24, 32, 40, 48, 56].map((offset) => body.getBigUint64(offset, true)),
  };
}

describe('the generic method', () => {
  test('saves range, protection, flags and offset of a vma', async () => {
    const one = vma(0x7f00_0000_0000, 3, { pageProt: 0x8000_0000_0000_0025n, flags: 0x0410_0173, pgoff: 9 });
    expect((await vmaRecord(one)).range).toEqual(
      [one.start, one.end, one.pageProt, one.flags, one.pgoff].map(BigInt),
    );
  });
});

describe('the anonymous method', () => {
  test('saves a vma of type ANON without a file, and the pages that were written', async () => {
    const records = await recordsOfVma(vma(START, 8), touchedAt(START));
    expect(records.map(({ name }) => name)).toEqual(['VMA', 'PGARR', 'BUFFER', 'PGARR']);
    expect(await vmaRecord(vma(START, 8))).toMatchObject({ type: VMA_TYPE.ANON, objref: 0 });
    const { body } = records[2]!;
    expect([body.getBigUint64(0, true), body.getBigUint64(8, true)]).toEqual([0x1000n, 0x3000n]);
    expect([body.getUint8(16), body.getUint8(16 + PAGE_SIZE)]).toEqual([1, 3]);
  });

  test('saves memory that nobody wrote as the end mark alone', async () => {
    const records = await recordsOfVma(vma(START, 8), NO_MEMORY);
    expect(records.map(({ name }) => name)).toEqual(['VMA', 'PGARR']);
    expect(records[1]?.body.getBigUint64(0, true)).toBe(0n);
  });
});

describe('the method of a private file mapping', () => {
  test('saves the file by reference, and of its pages those that were written', async () => {
    const file = openFile({ path: '/lib/libc.so' });
    const records = await recordsOfVma(fileVma(START, 8, file), touchedAt(START));
    expect(records.map(({ name }) => name)).toEqual(
      'OBJREF FILE FILE_NAME VMA PGARR BUFFER PGARR'.split(' '),
    );
    expect(textOf(records[2]!)).toBe('/lib/libc.so');
    expect(records[4]?.body.getBigUint64(0, true)).toBe(2n);
    expect(await vmaRecord(fileVma(START, 8, file))).toMatchObject({ type: VMA_TYPE.FILE, objref: 2 });
  });
});

describe('the method of special mappings', () => {
  test('saves the vdso as a vma of type VDSO, and never its contents', async () => {
    const records = await recordsOfVma(vdso(), touchedAt(VDSO_START));
    expect(records.map(({ name }) => name)).toEqual(['VMA']);
    expect(await vmaRecord(vdso())).toMatchObject({ type: VMA_TYPE.VDSO, objref: 0 });
  });

  test('does not define a file that is behind it', async () => {
    const image = await imageOf(tree(task(1, { mm: mm([vdso({ file: openFile() })]) })));
    expect(recordsNamed(image, 'FILE')).toEqual([]);
    expect(recordsNamed(image, 'VMA')[0]?.body.getInt32(4, true)).toBe(0);
  });
});
