import { PAGE_SIZE, VM, vmFlagNames } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import type { AddressSpace } from '../dist/memory/address-space.js';
import { layoutFresh } from '../dist/memory/fresh-layout.js';
import { STACK_TOP, VDSO_START } from '../dist/memory/user-space.js';
import { digestOf, failure, fileByte, fileObject, MIB, machine } from './memory-fixture.js';

const exe = fileObject(5, '/ckptree/bin/sieve');
const fresh = (resources = machine(), args = ['sieve', '{"limit":100}'], env = ['HOME=/', 'A=']) =>
  layoutFresh(resources, { id: 1, exe, args, env });

/** As /proc/pid/maps shows it. */
const maps = (space: AddressSpace): string[] =>
  space.vmas.map(({ start, end, flags, file, name }) => {
    const letter = (bit: number, text: string): string => ((flags & bit) === 0 ? '-' : text);
    const access = `${letter(VM.READ, 'r')}${letter(VM.WRITE, 'w')}${letter(VM.EXEC, 'x')}p`;
    return `${start.toString(16)}-${end.toString(16)} ${access} ${file?.path ?? name ?? ''}`.trimEnd();
  });

const text = (space: AddressSpace, address: number): string => {
  const bytes: number[] = [];
  for (let at = address; space.mem.u8(at) !== 0; at++) bytes.push(space.mem.u8(at));
  return Buffer.from(bytes).toString();
};

describe('a fresh address space', () => {
  test('has code, data, stack and vdso, where a Linux program has them', () => {
    expect(maps(fresh())).toEqual([
      '400000-401000 r-xp /ckptree/bin/sieve',
      '600000-601000 rw-p',
      '7ffcfffdd000-7ffcffffe000 rw-p',
      '7ffcfffff000-7ffd00000000 r-xp [vdso]',
    ]);
    expect(fresh().vmas.map(({ flags }) => vmFlagNames(flags & ~0x7f))).toEqual([
      'DENYWRITE|EXECUTABLE|CAN_NONLINEAR',
      'ACCOUNT',
      'GROWSDOWN|ACCOUNT',
      'ALWAYSDUMP',
    ]);
  });

  test('is the same every time', () => {
    expect(digestOf(fresh())).toBe(digestOf(fresh()));
  });

  test('reads its code from the executable, and may not write it', () => {
    const space = fresh();
    expect(space.mem.u8(space.layout.startCode)).toBe(fileByte(exe, 0));
    expect(failure(() => space.mem.setU8(space.layout.startCode, 1)).code).toBe('EFAULT');
  });

  test('has an empty heap behind its data', () => {
    const space = fresh();
    const { startBrk, brk, endData } = space.layout;
    expect([startBrk, brk]).toEqual([endData, endData]);
    space.brk(brk + 10 * PAGE_SIZE);
    space.mem.setU8(brk, 1);
  });

  test('has arguments and environment on its stack, and knows where', () => {
    const space = fresh();
    const { startStack, argStart, argEnd, envStart, envEnd } = space.layout;
    const bytes = (from: number, to: number) => Buffer.from(space.mem.read(from, to - from)).toString();
    expect(bytes(argStart, argEnd)).toBe('sieve\0{"limit":100}\0');
    expect(bytes(envStart, envEnd)).toBe('HOME=/\0A=\0');
    expect(startStack % 16).toBe(0);
    expect(startStack).toBeLessThan(argStart);
    expect(envEnd).toBeLessThan(STACK_TOP);

    const word = (index: number) => space.mem.u53(startStack + index * 8);
    expect(word(0)).toBe(2);
    expect([word(1), word(2)].map((at) => text(space, at))).toEqual(['sieve', '{"limit":100}']);
    expect(word(3)).toBe(0);
    expect([word(4), word(5)].map((at) => text(space, at))).toEqual(['HOME=/', 'A=']);
    expect(word(6)).toBe(0);
    expect([word(7), word(8)]).toEqual([33, VDSO_START]);
  });

  test('has an auxiliary vector that tells about page size, vdso and executable, and ends', () => {
    const space = fresh();
    const pairs = Array.from({ length: 22 }, (_, index) => [
      space.auxv[2 * index]!,
      space.auxv[2 * index + 1]!,
    ]);
    const vector = new Map(pairs.map(([key, value]) => [Number(key), Number(value)]));
    expect(vector.get(6)).toBe(PAGE_SIZE);
    expect(vector.get(33)).toBe(space.context.vdso);
    expect(vector.get(3)).toBe(space.layout.startCode + 64);
    expect(text(space, vector.get(31)!)).toBe(exe.path);
    expect(pairs.at(-1)).toEqual([0n, 0n]);
  });

  test('may have no arguments at all', () => {
    const space = layoutFresh(machine(), { id: 1, exe });
    const { argStart, argEnd, envStart, envEnd, startStack } = space.layout;
    expect([argEnd - argStart, envEnd - envStart]).toEqual([0, 0]);
    expect(space.mem.u53(startStack)).toBe(0);
  });

  test('may have arguments larger than a stack is at first', () => {
    const space = fresh(machine(), ['x'.repeat(700_000)], []);
    expect(text(space, space.layout.argStart)).toHaveLength(700_000);
  });

  test('holds a reference to its executable for itself and one for the mapping, and gives both back', () => {
    const resources = machine();
    const space = fresh(resources);
    expect(resources.counts.references).toBe(2);
    space.destroy();
    expect(resources.counts.references).toBe(0);
    expect(resources.memory.stats().used).toBe(0);
  });

  test.each([
    { why: 'arguments of more than 1 MiB', args: ['x'.repeat(MIB)], exe, code: 'E2BIG' },
    { why: 'an executable that cannot be read', args: [], exe: { ...exe, mode: 0 }, code: 'EPERM' },
  ])('is not made, and leaves nothing behind: $why', ({ args, exe: file, code }) => {
    const resources = machine();
    expect(failure(() => layoutFresh(resources, { id: 1, exe: file, args })).code).toBe(code);
    expect(resources.counts.references).toBe(0);
    expect(resources.memory.stats().used).toBe(0);
  });
});
