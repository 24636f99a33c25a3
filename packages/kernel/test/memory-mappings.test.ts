import { PAGE_SIZE, VM } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { AddressSpace, emptyDescription } from '../dist/memory/address-space.js';
import { PageTable } from '../dist/memory/page-table.js';
import { MMAP_BASE, STACK_LIMIT, TASK_SIZE } from '../dist/memory/user-space.js';
import { VM_STACK } from '../dist/memory/vm-area.js';
import { emptySpace, failure, fileByte, fileObject, MIB, machine, pageFilledWith } from './memory-fixture.js';

const RW = { read: true, write: true };
const A = 0x10_0000_0000;
const P = PAGE_SIZE;

const ranges = (space: AddressSpace): string[] =>
  space.vmas.map(({ start, end }) => `${(start - A) / P}-${(end - A) / P}`);

describe('mmap', () => {
  test('places mappings from the top down, into the highest gap that is large enough', () => {
    const space = emptySpace(machine());
    const first = space.mmap({ length: 4 * P, protection: RW });
    const second = space.mmap({ length: 2 * P, protection: {} });
    expect([first, second]).toEqual([MMAP_BASE - 4 * P, MMAP_BASE - 6 * P]);
    space.munmap(first + P, 2 * P);
    expect(space.mmap({ length: 3 * P, protection: RW })).toBe(MMAP_BASE - 9 * P);
    expect(space.mmap({ length: 2 * P, protection: { exec: true } })).toBe(first + P);
  });

  test('merges neighbours that nothing tells apart', () => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: P, protection: RW });
    space.mmap({ address: A + 2 * P, length: P, protection: RW });
    expect(ranges(space)).toEqual(['0-1', '2-3']);
    space.mmap({ address: A + P, length: P, protection: RW });
    expect(ranges(space)).toEqual(['0-3']);
    expect(space.mapCount).toBe(1);
  });

  test('merges parts of one file only where it goes on, and counts one reference for each vma', () => {
    const { counts, ...resources } = machine();
    const space = emptySpace(resources);
    const file = fileObject(1);
    const map = (page: number, pgoff: number, of = file) =>
      space.mmap({ address: A + page * P, length: P, protection: { read: true }, file: of, pgoff });
    map(0, 10);
    map(1, 11);
    map(2, 5);
    map(3, 6, fileObject(2));
    expect(ranges(space)).toEqual(['0-2', '2-3', '3-4']);
    expect(counts.references).toBe(3);
    space.munmap(A + P / 1, P);
    space.munmap(A, 4 * P);
    expect(counts.references).toBe(0);
  });

  test('keeps the highest flag of 32, which is no sign, in all that happens to a mapping', () => {
    const space = emptySpace(machine());
    const MERGEABLE = 2 ** 31;
    space.mmap({ address: A, length: P, protection: RW, flags: VM.LOCKED + MERGEABLE });
    space.mprotect(A, P, { read: true });
    const flags = [...space.vmas, ...space.fork(2).vmas].map((vma) => vma.flags);
    expect(flags.map((value) => value - MERGEABLE >= 0)).toEqual([true, true]);
    expect(flags[0]! - flags[1]!).toBe(VM.LOCKED);
  });

  test.each([
    { name: 'io', flags: VM.IO, ops: 'device' },
    { name: 'shared', flags: VM.SHARED, ops: 'shm' },
    { name: 'huge pages', flags: VM.HUGETLB, ops: 'hugetlb' },
    { name: 'raw frames', flags: VM.PFNMAP, ops: 'device' },
  ])('takes what cannot be checkpointed: $name', ({ flags, ops }) => {
    const space = emptySpace(machine());
    space.mem.setU8(space.mmap({ length: P, protection: RW, flags }), 1);
    expect(space.vmas[0]).toMatchObject({ ops });
    expect(space.vmas[0]!.flags & flags).toBe(flags);
    expect((space.vmas[0]!.flags & VM.MAYSHARE) !== 0).toBe(flags === VM.SHARED);
  });

  test.each([
    { why: 'no bytes', options: { length: 0 }, code: 'EINVAL' },
    { why: 'not a number', options: { length: Number.NaN }, code: 'EINVAL' },
    { why: 'within a page', options: { length: P, address: A + 1 }, code: 'EINVAL' },
    { why: 'behind user space', options: { length: P, address: TASK_SIZE }, code: 'ENOMEM' },
    { why: 'larger than user space', options: { length: 2 ** 48 }, code: 'ENOMEM' },
    { why: 'larger than any gap', options: { length: MMAP_BASE }, code: 'ENOMEM' },
    {
      why: 'a file for writing only',
      options: { length: P, file: { ...fileObject(1), mode: 2 } },
      code: 'EPERM',
    },
  ])('refuses: $why', ({ options, code }) => {
    const space = emptySpace(machine());
    expect(failure(() => space.mmap({ protection: RW, ...options })).code).toBe(code);
    expect(space.vmas).toEqual([]);
  });
});

describe('flags and page protection are those of Linux 2.6.33 on x86-64', () => {
  test.each([
    ['---', {}, 0x70, 0x120n],
    ['r--', { read: true }, 0x71, 0x8000000000000025n],
    ['-w-', { write: true }, 0x100072, 0x8000000000000025n],
    ['rw-', RW, 0x100073, 0x8000000000000025n],
    ['--x', { exec: true }, 0x74, 0x25n],
    ['r-x', { read: true, exec: true }, 0x75, 0x25n],
    ['rwx', { ...RW, exec: true }, 0x100077, 0x25n],
  ] as const)('private %s', (_, protection, flags, pageProt) => {
    const space = emptySpace(machine());
    space.mmap({ length: P, protection });
    expect(space.vmas[0]).toMatchObject({ flags, pageProt });
  });

  test('shared memory that may be written has writable pages at once', () => {
    const space = emptySpace(machine());
    space.mmap({ length: P, protection: RW, flags: VM.SHARED });
    expect(space.vmas[0]).toMatchObject({ flags: 0xfb, pageProt: 0x8000000000000027n });
  });

  test('mprotect gives the same as mapping so, and stays charged once it was writable', () => {
    const space = emptySpace(machine());
    const address = space.mmap({ length: P, protection: RW });
    space.mprotect(address, P, { read: true, exec: true });
    expect(space.vmas[0]).toMatchObject({ flags: 0x100075, pageProt: 0x25n });
  });
});

describe('munmap and mprotect', () => {
  test('split what reaches out of the range, and merge again', () => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: 10 * P, protection: RW });
    space.mprotect(A + 3 * P, 4 * P, { read: true });
    expect(ranges(space)).toEqual(['0-3', '3-7', '7-10']);
    space.munmap(A + 4 * P, P);
    expect(ranges(space)).toEqual(['0-3', '3-4', '5-7', '7-10']);
    space.mprotect(A + 5 * P, P, RW);
    expect(ranges(space)).toEqual(['0-3', '3-4', '5-6', '6-7', '7-10']);
    space.mprotect(A + 6 * P, P, RW);
    expect(ranges(space)).toEqual(['0-3', '3-4', '5-10']);
  });

  test('keep contents and the offsets into the file', () => {
    const resources = machine();
    const space = emptySpace(resources);
    const file = fileObject(3);
    space.mmap({ address: A, length: 5 * P, protection: RW, file, pgoff: 7 });
    space.mem.setU8(A + 4 * P, 99);
    space.munmap(A + P, 2 * P);
    expect(space.vmas.map(({ pgoff }) => pgoff)).toEqual([7, 10]);
    expect(space.mem.u8(A + 3 * P)).toBe(fileByte(file, 10));
    expect(space.mem.u8(A + 4 * P)).toBe(99);
    expect(resources.counts.references).toBe(2);
  });

  test('mprotect of a range with a hole changes nothing', () => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: P, protection: RW });
    space.mmap({ address: A + 2 * P, length: P, protection: RW });
    expect(failure(() => space.mprotect(A, 3 * P, {})).code).toBe('ENOMEM');
    space.mem.setU8(A, 1);
  });

  test('mprotect cannot give what the mapping may never have', () => {
    const space = emptySpace(machine());
    space.map({ start: A, end: A + P, flags: VM.READ | VM.MAYREAD, pgoff: A / P, ops: 'none' });
    expect(failure(() => space.mprotect(A, P, RW)).code).toBe('EPERM');
  });

  test('memory that was unmapped reads as zero when mapped again', () => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: 2 * P, protection: RW });
    space.mem.fill(A, 7, 2 * P);
    space.munmap(A + P, P);
    space.mmap({ address: A + P, length: P, protection: RW });
    expect(space.mem.read(A, 2 * P)).toEqual(Uint8Array.from([...pageFilledWith(7), ...pageFilledWith(0)]));
  });

  test('munmap that cannot copy a shared page table changes nothing', () => {
    const resources = machine(MIB);
    const space = emptySpace(resources);
    space.mmap({ address: A, length: 255 * P, protection: RW });
    for (let page = 0; page < 254; page++) space.mem.setU8(A + page * P, page);
    const snapshot = space.snapshot().leaves;
    expect(failure(() => space.munmap(A, P)).code).toBe('ENOMEM');
    expect(space.mem.u8(A + 100 * P)).toBe(100);
    PageTable.release(resources.memory, snapshot);
    space.munmap(A, P);
    space.destroy();
    expect(resources.memory.stats().used).toBe(0);
  });

  test('an address space has at most 65530 vmas', () => {
    const vmas = Array.from({ length: 65_530 }, (_, index) => ({
      start: A + 4 * index * P,
      end: A + (4 * index + 3) * P,
      flags: 0x73,
      pageProt: 0x25n,
      pgoff: 0,
      ops: 'none' as const,
    }));
    const space = AddressSpace.fromDescription(machine(), { ...emptyDescription(1), vmas });
    expect(failure(() => space.mmap({ length: P, protection: {} })).code).toBe('ENOMEM');
    expect(failure(() => space.munmap(A + P, P)).code).toBe('ENOMEM');
    expect(failure(() => space.mprotect(A + P, P, {})).code).toBe('ENOMEM');
    space.munmap(A, 3 * P);
    expect(space.mapCount).toBe(65_529);
  });
});

describe('brk', () => {
  const withHeap = () => {
    const space = emptySpace(machine());
    space.setLayout({ startBrk: A, brk: A });
    return space;
  };

  test('moves the end of the heap to the byte, and maps it in pages', () => {
    const space = withHeap();
    expect(space.brk()).toBe(A);
    expect(space.brk(A + 10)).toBe(A + 10);
    expect(ranges(space)).toEqual(['0-1']);
    space.mem.setU8(A + 5, 1);
    space.brk(A + 3 * P);
    expect(ranges(space)).toEqual(['0-3']);
    space.brk(A + 1);
    expect(ranges(space)).toEqual(['0-1']);
    expect(space.mem.u8(A + 5)).toBe(1);
    space.brk(A);
    expect(space.vmas).toEqual([]);
    expect(space.layout.brk).toBe(A);
  });

  test('does not run into what is mapped behind, and leaves a page free', () => {
    const space = withHeap();
    space.mmap({ address: A + 10 * P, length: P, protection: {} });
    space.brk(A + 9 * P);
    expect(failure(() => space.brk(A + 9 * P + 1)).code).toBe('ENOMEM');
    expect(space.brk()).toBe(A + 9 * P);
  });

  test.each([A - 1, Number.NaN])('cannot be %d, below the start', (address) => {
    expect(failure(() => withHeap().brk(address)).code).toBe('EINVAL');
  });
});

describe('the stack', () => {
  const TOP = A + STACK_LIMIT + P;
  const withStack = () => {
    const space = emptySpace(machine());
    space.map({ start: TOP - P, end: TOP, flags: VM_STACK, pgoff: TOP / P - 1, ops: 'none' });
    return space;
  };

  test('grows down to where it is touched', () => {
    const space = withStack();
    space.mem.setU8(TOP - 5 * P + 3, 1);
    expect(space.vmas[0]).toMatchObject({ start: TOP - 5 * P, end: TOP, pgoff: TOP / P - 5 });
    expect(space.mem.u8(TOP - 10 * P)).toBe(0);
    expect(space.mapCount).toBe(1);
  });

  test('grows to its limit and not beyond', () => {
    const space = withStack();
    space.mem.setU8(TOP - STACK_LIMIT, 1);
    expect(failure(() => space.mem.setU8(TOP - STACK_LIMIT - 1, 1))).toMatchObject({ code: 'EFAULT' });
  });
});
