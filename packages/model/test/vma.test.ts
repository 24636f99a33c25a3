import {
  ARENA_FRAMES,
  arenaOf,
  offsetInArena,
  REGISTERS_SIZE,
  VM,
  vmaRange,
  vmFlagNames,
} from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';

describe('flags of a vma in words', () => {
  test('are the names of its bits', () => {
    expect(vmFlagNames(VM.READ | VM.WRITE | VM.SHARED)).toBe('READ|WRITE|SHARED');
    expect(vmFlagNames(0)).toBe('0');
  });

  test('show bits without a name in hexadecimal, those above 31 too', () => {
    expect(vmFlagNames(VM.READ + 0x200)).toBe('READ|0x200');
    expect(vmFlagNames(VM.SAO + 2 ** 40)).toBe('SAO|0x10000000000');
  });
});

test('the range of a vma is in hexadecimal', () => {
  expect(vmaRange({ start: 0x7f0000000000, end: 0x7f0000001000 })).toBe('7f0000000000-7f0000001000');
});

test('frames are found in arenas of 1 GiB', () => {
  expect([arenaOf(0), arenaOf(ARENA_FRAMES - 1), arenaOf(ARENA_FRAMES)]).toEqual([0, 0, 1]);
  expect([offsetInArena(1), offsetInArena(ARENA_FRAMES + 2)]).toEqual([4096, 8192]);
});

test('a register file is the CPU record without its header', () => {
  expect(REGISTERS_SIZE).toBe(192 - 8);
});
