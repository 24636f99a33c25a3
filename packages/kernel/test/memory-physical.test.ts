import { ARENA_FRAMES, arenaOf, PAGE_SIZE } from '@ckptree/model';
import { describe, expect, test } from '@jest/globals';
import { BLOCK_FRAMES, ZERO_FRAME } from '../dist/memory/frame-map.js';
import { PhysicalMemory } from '../dist/memory/physical-memory.js';
import { failure, MIB } from './memory-fixture.js';

const GIB = 1024 * MIB;

function exhaust(memory: PhysicalMemory): number[] {
  const frames: number[] = [];
  try {
    for (;;) frames.push(memory.allocateForCopy());
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOMEM' });
  }
  return frames;
}

describe('creation', () => {
  test('takes arenas of 1 GiB, the last one shorter, and commits nothing', () => {
    const { rss } = process.memoryUsage();
    const { handle } = PhysicalMemory.create(16 * GIB + 5 * MIB);
    expect(handle.arenas.map(({ byteLength }) => byteLength / MIB)).toEqual([...Array(16).fill(1024), 5]);
    expect(process.memoryUsage().rss - rss).toBeLessThan(64 * MIB);
  });

  test('rounds up to whole blocks', () => {
    expect(PhysicalMemory.create(1).stats()).toEqual({
      total: BLOCK_FRAMES - 1,
      used: 0,
      free: BLOCK_FRAMES - 1,
    });
  });

  test.each([0, -1, Number.NaN, 257 * GIB, Number.POSITIVE_INFINITY])('refuses %d bytes', (bytes) => {
    expect(failure(() => PhysicalMemory.create(bytes)).code).toBe('EINVAL');
  });
});

describe('frames', () => {
  test('come in ascending order, so that neighbours stay together', () => {
    const memory = PhysicalMemory.create(2 * MIB);
    const frames = Array.from({ length: 100 }, () => memory.allocate());
    expect(frames).toEqual(frames.map((_, index) => frames[0]! + index));
  });

  test('are zero when allocated, also those used before', () => {
    const memory = PhysicalMemory.create(MIB);
    for (let round = 0; round < 3; round++) {
      const frames = Array.from({ length: BLOCK_FRAMES - 1 }, () => memory.allocate());
      expect(frames.every((frame) => memory.isZero(frame))).toBe(true);
      for (const frame of frames) {
        memory.view(frame).fill(round + 1);
        memory.drop(frame);
      }
    }
  });

  test('are zero when allocated after their block went to and fro', () => {
    const memory = PhysicalMemory.create(MIB);
    const used = memory.allocateRuns(10)[0]!;
    memory.view(used, 10).fill(255);
    for (let index = 0; index < 10; index++) memory.drop(used + index);
    memory.releaseBlocks();
    for (let count = 0; count < BLOCK_FRAMES - 1; count++)
      expect(memory.isZero(memory.allocate())).toBe(true);
  });

  test('are given out once each, all of them but the zero frame, and then ENOMEM', () => {
    const memory = PhysicalMemory.create(3 * MIB);
    const frames = exhaust(memory);
    expect(new Set(frames).size).toBe(3 * BLOCK_FRAMES - 1);
    expect(frames).not.toContain(ZERO_FRAME);
    expect(memory.stats()).toMatchObject({ used: frames.length, free: 0 });
  });

  test('are found again one by one when memory is full of holes', () => {
    const memory = PhysicalMemory.create(4 * MIB);
    const holes = exhaust(memory).filter((frame) => frame % 100 === 0);
    for (const frame of holes) memory.drop(frame);
    expect(new Set(exhaust(memory))).toEqual(new Set(holes));
  });

  test('that were used before are taken ahead of memory that was never touched', () => {
    const memory = PhysicalMemory.create(64 * MIB);
    for (let round = 0; round < 20; round++) {
      const frames = Array.from({ length: 3 * BLOCK_FRAMES }, () => memory.allocate());
      expect(Math.max(...frames)).toBeLessThan(6 * BLOCK_FRAMES);
      for (const frame of frames) memory.drop(frame);
    }
  });
});

describe('references', () => {
  test('keep a frame until the last is dropped', () => {
    const memory = PhysicalMemory.create(MIB);
    const frame = memory.allocate();
    memory.grab(frame);
    expect(memory.refs(frame)).toBe(2);
    memory.drop(frame);
    expect(memory.stats().used).toBe(1);
    memory.drop(frame);
    expect(memory.stats().used).toBe(0);
  });

  test('are not dropped by a sole holder who only may drop what is shared', () => {
    const memory = PhysicalMemory.create(MIB);
    const frame = memory.allocate();
    memory.grab(frame);
    expect(memory.dropUnlessLast(frame)).toBe(true);
    expect(memory.dropUnlessLast(frame)).toBe(false);
    expect(memory.refs(frame)).toBe(1);
  });

  test.each(['grab', 'drop', 'dropUnlessLast'] as const)('out of balance are reported by %s', (method) => {
    const memory = PhysicalMemory.create(MIB);
    const frame = memory.allocate();
    memory.drop(frame);
    expect(failure(() => memory[method](frame)).code).toBe('EINVAL');
  });

  test('to the zero frame are not counted: it looks shared for ever', () => {
    const memory = PhysicalMemory.create(MIB);
    for (let count = 0; count < 5; count++) memory.drop(ZERO_FRAME);
    memory.grab(ZERO_FRAME);
    expect(memory.refs(ZERO_FRAME)).toBeGreaterThan(1);
    expect(memory.stats().used).toBe(0);
  });
});

describe('runs', () => {
  test('cover as many frames as were asked for, in one piece while memory is whole', () => {
    const memory = PhysicalMemory.create(16 * MIB);
    memory.allocate();
    expect([...memory.allocateRuns(2000)]).toEqual([BLOCK_FRAMES + 1, 2000]);
    expect(memory.stats().used).toBe(2001);
  });

  test('end where an arena does', () => {
    const memory = PhysicalMemory.create(GIB + MIB);
    const runs = memory.allocateRuns(ARENA_FRAMES - BLOCK_FRAMES + 10);
    expect([...runs]).toEqual([BLOCK_FRAMES, ARENA_FRAMES - BLOCK_FRAMES, ARENA_FRAMES, 10]);
    expect(arenaOf(ARENA_FRAMES)).toBe(1);
    expect(memory.view(ARENA_FRAMES, 10).length).toBe(10 * PAGE_SIZE);
  });

  test('go around what is in use', () => {
    const memory = PhysicalMemory.create(MIB);
    const taken = Array.from({ length: 20 }, () => memory.allocate());
    for (const frame of taken) if (frame % 5 !== 0) memory.drop(frame);
    memory.releaseBlocks();
    expect([...memory.allocateRuns(10)]).toEqual([1, 4, 6, 4, 11, 2]);
  });

  test('are all or nothing', () => {
    const memory = PhysicalMemory.create(MIB);
    expect(failure(() => memory.allocateRuns(BLOCK_FRAMES)).code).toBe('ENOMEM');
    expect(memory.stats().used).toBe(0);
  });
});

describe('contents', () => {
  test('are copied within an arena and across', () => {
    const memory = PhysicalMemory.create(GIB + MIB);
    for (const [from, to] of [
      [5, 9],
      [5, ARENA_FRAMES + 3],
      [ARENA_FRAMES + 3, 12],
    ] as const) {
      memory.view(from).fill(from & 0xff);
      memory.copy(from, to);
      expect(memory.view(to)).toEqual(memory.view(from));
    }
  });

  test.each([0, 3, 4, 2048, PAGE_SIZE - 1])('are not zero with a byte set at %d', (offset) => {
    const memory = PhysicalMemory.create(MIB);
    expect(memory.isZero(7)).toBe(true);
    memory.view(7)[offset] = 1;
    expect(memory.isZero(7)).toBe(false);
  });
});
