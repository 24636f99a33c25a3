import { PAGE_SIZE, VM } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { AddressSpace, emptyDescription } from '../dist/memory/address-space.js';
import { digestOf, emptySpace, failure, fileObject, MIB, machine } from './memory-fixture.js';

const RW = { read: true, write: true };
const A = 0x10_0000_0000;
const P = PAGE_SIZE;

const ranges = (space: AddressSpace): string[] =>
  space.vmas.map(({ start, end }) => `${(start - A) / P}-${(end - A) / P}`);

describe('fork', () => {
  test('copies nothing until one side writes', () => {
    const resources = machine(16 * MIB);
    const parent = emptySpace(resources);
    parent.mmap({ address: A, length: 1024 * P, protection: RW });
    parent.mem.fill(A, 1, 1024 * P);
    const { used } = resources.memory.stats();
    const child = parent.fork(2);
    expect(resources.memory.stats().used).toBe(used);
    child.mem.setU8(A, 2);
    // The page, and its leaf.
    expect(resources.memory.stats().used).toBe(used + 2);
    expect([parent.mem.u8(A), child.mem.u8(A), child.mem.u8(A + 1)]).toEqual([1, 2, 1]);
  });

  test('inherits no locks, no requests, and nothing that is not to be copied', () => {
    const { counts, ...resources } = machine();
    const parent = emptySpace(resources);
    const file = fileObject(1);
    parent.mmap({ address: A, length: P, protection: RW, flags: VM.LOCKED });
    parent.mmap({ address: A + P, length: P, protection: RW, flags: VM.DONTCOPY, file });
    parent.mem.setU8(A + P, 1);
    parent.ioSubmit(parent.ioSetup(4), { file, address: A, count: 1, offset: 0 });
    const child = parent.fork(2);
    expect(ranges(child)).toEqual(['0-1']);
    expect(child.vmas[0]!.flags & VM.LOCKED).toBe(0);
    expect([parent.outstandingAio, child.outstandingAio]).toEqual([1, 0]);
    expect(parent.mem.u8(A + P)).toBe(1);
    child.destroy();
    parent.destroy();
    expect(counts.references).toBe(0);
    expect(resources.memory.stats().used).toBe(0);
  });

  test('of what memory has no room for leaves nothing behind', () => {
    const resources = machine(MIB);
    const parent = emptySpace(resources);
    parent.mmap({ address: A, length: P, protection: RW, flags: VM.DONTCOPY, file: fileObject(1) });
    parent.mmap({ address: A + P, length: 300 * P, protection: RW });
    for (let page = 0; page < 254; page++) parent.mem.setU8(A + page * P, 1);
    const { references } = resources.counts;
    expect(failure(() => parent.fork(2)).code).toBe('ENOMEM');
    expect(resources.counts.references).toBe(references);
    parent.destroy();
    expect(resources.memory.stats().used).toBe(0);
  });
});

describe('a description', () => {
  test('moves all that an address space has', () => {
    const { counts, ...resources } = machine();
    const file = fileObject(1);
    const exe = fileObject(9, '/ckptree/bin/x');
    const space = AddressSpace.fromDescription(resources, {
      ...emptyDescription(3),
      exe,
      auxv: BigUint64Array.from({ length: 44 }, (_, index) => BigInt(index)),
      context: { vdso: 0x7000, ldt: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
      defFlags: 5n,
    });
    space.setLayout({ startBrk: A + 100 * P, brk: A + 100 * P });
    space.mmap({ address: A, length: 3 * P, protection: RW, file });
    space.mem.setU8(A, 7);
    space.ioSubmit(space.ioSetup(1), { file, address: A, count: 1, offset: 0 });
    const digest = digestOf(space);
    const { used } = resources.memory.stats();

    const moved = AddressSpace.fromDescription(resources, structuredClone(space.describe()));
    expect(digestOf(moved)).toBe(digest);
    expect(moved).toMatchObject({ id: 3, exe, outstandingAio: 1, mapCount: 1 });
    expect(failure(() => space.mem.u8(A)).code).toBe('EFAULT');
    expect(resources.memory.stats().used).toBe(used);
    moved.destroy();
    expect(resources.memory.stats().used).toBe(0);
    // The executable's reference was never taken here.
    expect(counts.references).toBe(-1);
  });
});

describe('asynchronous requests', () => {
  const request = { file: fileObject(1), address: A, count: 10, offset: 0 };

  test('are outstanding until they are completed, in order', () => {
    const { counts, ...resources } = machine();
    const space = emptySpace(resources);
    const context = space.ioSetup(2);
    expect(space.outstandingAio).toBe(0);
    space.ioSubmit(context, request);
    space.ioSubmit(context, { ...request, offset: 10 });
    expect(space.outstandingAio).toBe(2);
    expect(counts.references).toBe(2);
    expect(failure(() => space.ioSubmit(context, request)).code).toBe('EAGAIN');
    const done: number[] = [];
    expect(space.ioComplete(context, ({ offset }) => done.push(offset))).toBe(2);
    expect(done).toEqual([0, 10]);
    expect(space.outstandingAio).toBe(0);
    expect(counts.references).toBe(0);
  });

  test('are done with, and their files dropped, when performing one fails', () => {
    const { counts, ...resources } = machine();
    const space = emptySpace(resources);
    const context = space.ioSetup(2);
    space.ioSubmit(context, request);
    expect(() =>
      space.ioComplete(context, () => {
        throw new Error('cannot read');
      }),
    ).toThrow('cannot read');
    expect([space.outstandingAio, counts.references]).toEqual([0, 0]);
  });

  test('need a context, and a context room', () => {
    const space = emptySpace(machine());
    expect(failure(() => space.ioSubmit(7, request)).code).toBe('EINVAL');
    expect(failure(() => space.ioComplete(7, () => undefined)).code).toBe('EINVAL');
    expect(failure(() => space.ioSetup(0)).code).toBe('EINVAL');
    expect(new Set([space.ioSetup(1), space.ioSetup(1)]).size).toBe(2);
  });
});

describe('the digest', () => {
  const build = (prepare: (space: AddressSpace) => void = () => undefined): AddressSpace => {
    const space = emptySpace(machine());
    prepare(space);
    space.mmap({ address: A, length: 1500 * P, protection: RW });
    space.mmap({ address: A + 2000 * P, length: 3 * P, protection: RW, file: fileObject(1) });
    for (let page = 0; page < 1500; page += 3) space.mem.setU32(A + page * P, page);
    return space;
  };
  const digest = digestOf(build());

  test('does not depend on frames, leaves, or pages of zeros', () => {
    const other = build((space) => {
      for (let page = 0; page < 40; page += 2) {
        space.mmap({ address: A + page * P, length: P, protection: RW });
        space.mem.setU8(A + page * P, 1);
      }
      space.munmap(A, 100 * P);
    });
    other.mem.fill(A + P, 0, P);
    other.mem.u8(A + 4 * P);
    expect(digestOf(other)).toBe(digest);
    expect(digestOf(other.fork(2))).toBe(digest);
    other.mem.setU8(A, 77);
    expect(digestOf(other)).not.toBe(digest);
  });

  test.each<[string, (space: AddressSpace) => void]>([
    ['a byte', (space) => space.mem.setU8(A + 1499 * P + 4095, 1)],
    ['a protection', (space) => space.mprotect(A + 700 * P, P, { read: true })],
    ['a mapping more', (space) => void space.mmap({ length: P, protection: RW })],
    ['a mapping less', (space) => space.munmap(A + 2002 * P, P)],
    ['a file page that is now private', (space) => space.mem.fill(A + 2000 * P, 0, P)],
    [
      'another file',
      (space) =>
        void space.mmap({ address: A + 2000 * P, length: 3 * P, protection: RW, file: fileObject(2) }),
    ],
    ['the end of the heap', (space) => space.setLayout({ brk: 1 })],
    ['the auxiliary vector', (space) => void space.auxv.fill(1n)],
  ])('shows %s', (_, change) => {
    const other = build();
    change(other);
    expect(digestOf(other)).not.toBe(digest);
  });

  test('leaves out what the kernel put into its own mappings', () => {
    const special = (byte: number): string => {
      const space = emptySpace(machine());
      const protection = { ...RW, exec: true };
      space.mmap({ address: A, length: P, protection, ops: 'special', name: '[vdso]' });
      space.mem.setU8(A, byte);
      return digestOf(space);
    };
    expect(special(1)).toBe(special(2));
  });
});
