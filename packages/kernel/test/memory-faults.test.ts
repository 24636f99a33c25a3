import { PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { TASK_SIZE } from '../dist/memory/user-space.js';
import { dirtyPages, emptySpace, failure, fileByte, fileObject, MIB, machine } from './memory-fixture.js';

const RW = { read: true, write: true };
const A = 0x10_0000_0000;
const P = PAGE_SIZE;

describe('faults', () => {
  test('a read maps the zero frame, a write a frame of its own', () => {
    const resources = machine();
    const space = emptySpace(resources);
    space.mmap({ address: A, length: 100 * P, protection: RW });
    for (let page = 0; page < 100; page++) expect(space.mem.u8(A + page * P)).toBe(0);
    expect(resources.memory.stats().used).toBe(1);
    space.mem.setU8(A, 0);
    expect(resources.memory.stats().used).toBe(2);
    const snapshot = space.snapshot().leaves;
    expect([...dirtyPages(resources.memory, snapshot).keys()]).toEqual([A / P]);
  });

  test('a file is read page by page, and is dirty once it is written', () => {
    const { counts, ...resources } = machine();
    const space = emptySpace(resources);
    const file = fileObject(2);
    space.mmap({ address: A, length: 4 * P, protection: RW, file, pgoff: 1 });
    expect(space.mem.u8(A + P + 5)).toBe(fileByte(file, 2));
    expect(counts.pagesRead).toBe(1);
    expect(dirtyPages(resources.memory, space.snapshot().leaves).size).toBe(0);
    space.mem.setU8(A + P, 1);
    space.mem.setU8(A + 2 * P, 1);
    const dirty = dirtyPages(resources.memory, space.snapshot().leaves);
    expect([...dirty.keys()]).toEqual([A / P + 1, A / P + 2]);
    expect(dirty.get(A / P + 1)![1]).toBe(fileByte(file, 2));
    expect(counts.pagesRead).toBe(2);
  });

  test('a page that cannot be read from its file is an error that names the vma, and nothing leaks', () => {
    const resources = machine(MIB, 1);
    const space = emptySpace(resources);
    space.mmap({ address: A, length: 2 * P, protection: RW, file: fileObject(1), pgoff: 0 });
    for (const act of [() => space.mem.u8(A + P), () => space.mem.setU8(A + P, 1)])
      expect(failure(act)).toMatchObject({ code: 'EIO', fields: { vma: '1000000000-1000002000' } });
    space.destroy();
    expect(resources.memory.stats().used).toBe(0);
  });

  test.each([
    { why: 'nothing mapped', at: A + 3 * P, write: false, fields: {} },
    { why: 'in front of everything', at: 0, write: false, fields: {} },
    { why: 'behind everything', at: TASK_SIZE + 5, write: true, fields: {} },
    { why: 'negative', at: -1, write: false, fields: {} },
    { why: 'not a number', at: Number.NaN, write: true, fields: {} },
    {
      why: 'write where only reading is allowed',
      at: A,
      write: true,
      fields: { vma: '1000000000-1000001000' },
    },
    { why: 'no access at all', at: A + P, write: false, fields: { vma: '1000001000-1000002000' } },
  ])('EFAULT: $why', ({ at, write, fields }) => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: P, protection: { read: true } });
    space.mmap({ address: A + P, length: P, protection: {} });
    const error = failure(() => (write ? space.mem.setU8(at, 1) : space.mem.u8(at)));
    expect(error).toMatchObject({ code: 'EFAULT', fields });
    expect(error.message).toContain(write ? 'write to' : 'read of');
    expect(error.message).toContain(`0x${at.toString(16)}`);
  });

  test('a page stays accessible just as long as it is mapped so', () => {
    const space = emptySpace(machine());
    space.mmap({ address: A, length: P, protection: RW });
    space.mem.setU8(A, 5);
    space.mprotect(A, P, { read: true });
    expect(failure(() => space.mem.setU8(A, 6)).code).toBe('EFAULT');
    expect(space.mem.u8(A)).toBe(5);
    space.mprotect(A, P, {});
    expect(failure(() => space.mem.u8(A)).code).toBe('EFAULT');
    space.munmap(A, P);
    expect(failure(() => space.mem.u8(A)).code).toBe('EFAULT');
  });

  test('when memory is used up the task gets ENOMEM and keeps what it has', () => {
    const resources = machine(MIB);
    const space = emptySpace(resources);
    space.mmap({ address: A, length: 300 * P, protection: RW });
    const fill = () => {
      for (let page = 0; page < 300; page++) space.mem.setU8(A + page * P, page);
    };
    expect(failure(fill).code).toBe('ENOMEM');
    expect(space.mem.u8(A + 200 * P)).toBe(200);
    space.destroy();
    expect(resources.memory.stats().used).toBe(0);
  });
});

describe('user memory', () => {
  const space = emptySpace(machine());
  space.mmap({ address: A, length: 8 * P, protection: RW });
  const { mem } = space;

  test('numbers are little-endian and unsigned', () => {
    mem.setU32(A, 0xfedc_ba98);
    expect([...mem.read(A, 4)]).toEqual([0x98, 0xba, 0xdc, 0xfe]);
    expect(mem.u32(A)).toBe(0xfedc_ba98);
    mem.setU53(A + 8, 2 ** 53 - 1);
    expect([...mem.read(A + 8, 8)]).toEqual([255, 255, 255, 255, 255, 255, 0x1f, 0]);
    expect(mem.u53(A + 8)).toBe(2 ** 53 - 1);
    mem.setU8(A, 0x1ff);
    expect(mem.u8(A)).toBe(0xff);
  });

  test.each([-1, 2 ** 53, 0.5, Number.NaN])('%d is no number for 53 bits', (value) => {
    expect(failure(() => mem.setU53(A, value)).code).toBe('EOVERFLOW');
  });

  test('a number of more than 53 bits is not read as another one', () => {
    mem.setU32(A + 4, 0x20_0000);
    expect(failure(() => mem.u53(A)).code).toBe('EOVERFLOW');
  });

  test('numbers must be aligned', () => {
    for (const act of [
      () => mem.u32(A + 2),
      () => mem.setU32(A + 1, 0),
      () => mem.u53(A + 4),
      () => mem.setU53(A + 12, 0),
    ])
      expect(failure(act)).toMatchObject({ code: 'EFAULT' });
  });

  test('ranges go across pages', () => {
    const bytes = Uint8Array.from({ length: 3 * P }, (_, index) => index * 7);
    mem.write(A + 100, bytes);
    expect(mem.read(A + 100, bytes.length)).toEqual(bytes);
    mem.fill(A + P - 3, 9, P + 6);
    expect(mem.read(A + P - 4, P + 8)).toEqual(
      Uint8Array.from([bytes[P - 104]!, ...new Array(P + 6).fill(9), bytes[2 * P - 97]!]),
    );
    expect(mem.read(A, 0)).toEqual(new Uint8Array());
  });

  test('a range that ends in nothing fails, and what lies before stays written', () => {
    expect(failure(() => mem.write(A + 7 * P, new Uint8Array(P + 1).fill(3))).code).toBe('EFAULT');
    expect(mem.u8(A + 8 * P - 1)).toBe(3);
    expect(failure(() => mem.read(A + 7 * P, P + 1)).code).toBe('EFAULT');
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 31])('a range of %d bytes is refused', (length) => {
    expect(failure(() => mem.read(A, length)).code).toBe('EINVAL');
    expect(failure(() => mem.fill(A, 0, length)).code).toBe('EINVAL');
  });
});
