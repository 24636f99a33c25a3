import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DumpPool,
  dumpParallel,
  dumpSequential,
  type ParallelDumpOptions,
  type Plan,
} from '@ckptree/checkpoint';
import { ARENA_FRAMES, PAGE_SIZE } from '@ckptree/model';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CancelFlag } from '../dist/cancel.js';
import { answer } from '../dist/dump.worker.js';
import { splitIntoParts } from '../dist/parts.js';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { MemorySink, planned } from './support/planned.js';
import { mm, task, tree, vma } from './support/trees.js';

const folder = mkdtempSync(join(tmpdir(), 'ckptree-parallel-'));
const path = join(folder, 'image');
let pool: DumpPool;

beforeAll(async () => {
  pool = new DumpPool({ threads: 2 });
  await pool.warmUp();
});

afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function sequential(plan: Plan): Promise<Uint8Array> {
  const sink = new MemorySink();
  await dumpSequential(plan, sink);
  return sink.bytes();
}

async function parallel(plan: Plan, threads = pool, options: ParallelDumpOptions = {}): Promise<Uint8Array> {
  const fd = openSync(path, 'w');
  try {
    await dumpParallel(plan, { fd, path }, threads, options);
  } finally {
    closeSync(fd);
  }
  return readFileSync(path);
}

/** A plan of `vmas` vmas of 4 MiB each; their pages are few frames, used again and again. */
function largePlan(vmas: number): { plan: Plan; space: AddressSpace } {
  const physical = new PhysicalMemory(64);
  const space = new AddressSpace(physical);
  const frames = [3, 5, 7, 11].map((byte) => {
    const frame = physical.allocate();
    physical.bytes(frame).fill(byte);
    return frame;
  });
  const size = 1024 * PAGE_SIZE;
  for (let page = 0; page < vmas * 1024; page++)
    space.setPage(page * PAGE_SIZE, { frame: frames[(page * page) % 4]! });
  const list = Array.from({ length: vmas }, (_, index) => vma(index * size, 1024));
  return { plan: planned(tree(task(1, { mm: mm(list, { memory: space.snapshot() }) }))), space };
}

describe('the parallel dump', () => {
  test('writes byte for byte what the sequential dump writes', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTree, async (any) => {
        const plan = planned(any);
        const expected = await sequential(plan);
        expect(expected.length).toBe(plan.size);
        expect(Buffer.compare(await parallel(plan), expected)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('writes the same when an image has many parts, and tells its progress after each', async () => {
    const { plan } = largePlan(5);
    const parts = splitIntoParts(plan, pool.threads);
    expect(parts.length).toBeGreaterThan(3);
    const progress: number[] = [];
    const image = await parallel(plan, pool, { onProgress: ({ bytes }) => progress.push(bytes) });
    expect(Buffer.compare(image, await sequential(plan))).toBe(0);
    expect(progress).toHaveLength(parts.length);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(plan.size);
  });

  test('writes pages whose frames lie on both sides of an arena border', async () => {
    const physical = new PhysicalMemory(8, ARENA_FRAMES - 3);
    const space = new AddressSpace(physical);
    for (let page = 0; page < 6; page++) space.setPage(page * PAGE_SIZE, { content: Uint8Array.of(page) });
    const plan = planned(tree(task(1, { mm: mm([vma(0, 6)], { memory: space.snapshot() }) })));
    expect(Buffer.compare(await parallel(plan), await sequential(plan))).toBe(0);
  });

  test('serves several images at the same time from one pool', async () => {
    const images = await Promise.all(
      [1, 2, 3].map(async (vmas) => {
        const { plan } = largePlan(vmas);
        const own = join(folder, `image-${vmas}`);
        const fd = openSync(own, 'w');
        await dumpParallel(plan, { fd, path: own }, pool).finally(() => closeSync(fd));
        return Buffer.compare(readFileSync(own), await sequential(plan));
      }),
    );
    expect(images).toEqual([0, 0, 0]);
  });
});

describe('parts', () => {
  test('cover the image, its records and its batches, each once', () => {
    for (const [vmas, threads] of [
      [1, 1],
      [5, 1],
      [9, 4],
    ] as const) {
      const { plan } = largePlan(vmas);
      const parts = splitIntoParts(plan, threads);
      expect(parts.flatMap(({ batches }) => batches)).toEqual(plan.batches);
      let [position, record] = [0, 0];
      for (const part of parts) {
        expect(part).toMatchObject({ position, range: { start: record } });
        position += part.size;
        record = part.range.end;
      }
      expect([position, record]).toEqual([plan.size, plan.records.length]);
    }
  });

  test('of a large image have at least one batch and at most 64 MiB, so that threads share one mm', () => {
    const physical = new PhysicalMemory(200);
    const space = new AddressSpace(physical);
    const frame = physical.allocate();
    for (let page = 0; page < 5 * 8192; page++) space.setPage(page * PAGE_SIZE, { frame });
    const plan = planned(tree(task(1, { mm: mm([vma(0, 5 * 8192)], { memory: space.snapshot() }) })));
    const parts = splitIntoParts(plan, 1);
    expect(parts.map(({ batches }) => batches.length)).toEqual([1, 1, 1, 1, 1]);
    expect(Math.max(...parts.map(({ size }) => size))).toBeLessThan(64 * 1024 * 1024);
  });
});

describe('a parallel dump that fails', () => {
  test('because a thread died says EPIPE, and the pool goes on with a new thread', async () => {
    const crashing = new DumpPool({
      threads: 2,
      worker: new URL('./support/crashing-worker.cjs', import.meta.url),
    });
    try {
      await crashing.warmUp();
      await expect(parallel(largePlan(5).plan, crashing)).rejects.toMatchObject({
        code: 'EPIPE',
        fields: { path },
      });
      await crashing.warmUp();
      const { plan } = largePlan(2);
      const [, second] = splitIntoParts(plan, 2);
      const fd = openSync(path, 'w');
      const cancel = new CancelFlag().shared;
      await expect(crashing.run({ kind: 'dump', part: second!, fd, cancel })).resolves.toBe(second!.size);
      closeSync(fd);
    } finally {
      await crashing.close();
    }
  });

  test('because its code cannot be loaded says EPIPE', async () => {
    const broken = new DumpPool({ threads: 1, worker: new URL('./nothing-here.mjs', import.meta.url) });
    await expect(broken.warmUp()).rejects.toMatchObject({ code: 'EPIPE' });
    await broken.close();
  });

  test('because the snapshot changed says EBUSY', async () => {
    const { plan, space } = largePlan(3);
    space.setPage(2 * 1024 * PAGE_SIZE, { present: false });
    await expect(parallel(plan)).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining('has 1023 pages to save and had 1024 before'),
    });
  });

  test('because the file takes no bytes says where, with the code of the system', async () => {
    const fd = openSync('/dev/null', 'r');
    try {
      await expect(dumpParallel(largePlan(1).plan, { fd, path: '/dev/null' }, pool)).rejects.toMatchObject({
        code: 'EBADF',
        message: 'cannot write from byte 0 on: it is not open for this',
        fields: { position: 0, path: '/dev/null' },
      });
    } finally {
      closeSync(fd);
    }
  });

  test('because it was cancelled says EINTR, before it begins and on its way', async () => {
    const reason = new Error('enough');
    await expect(
      parallel(largePlan(1).plan, pool, { signal: AbortSignal.abort(reason) }),
    ).rejects.toMatchObject({ code: 'EINTR', cause: reason });

    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(
      parallel(largePlan(9).plan, pool, { signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('because its own progress report failed says so', async () => {
    const onProgress = () => {
      throw new Error('the screen is gone');
    };
    await expect(parallel(largePlan(1).plan, pool, { onProgress })).rejects.toThrow('the screen is gone');
  });
});

describe('a thread', () => {
  const request = (plan: Plan) => ({
    kind: 'dump' as const,
    part: splitIntoParts(plan, 1)[0]!,
    fd: -1,
    cancel: new CancelFlag().shared,
  });

  test('stops before its next write when the dump was cancelled', () => {
    const flag = new CancelFlag();
    flag.raise();
    expect(answer({ ...request(largePlan(1).plan), cancel: flag.shared })).toMatchObject({
      ok: false,
      error: { code: 'EINTR' },
    });
  });

  test('answers errors as data, so that they keep code and place', () => {
    const { plan, space } = largePlan(1);
    space.setPage(0, { dirty: false });
    const failed = answer(request(plan));
    expect(failed).toMatchObject({
      ok: false,
      error: { code: 'EBUSY', fields: { position: expect.any(Number) } },
    });
    expect(structuredClone(failed)).toEqual(failed);
  });
});

describe('a pool', () => {
  test('has at least one thread', () => {
    for (const threads of [0, -1, 1.5, Number.NaN])
      expect(() => new DumpPool({ threads })).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('that was closed refuses with EPIPE', async () => {
    const closed = new DumpPool({ threads: 1 });
    await closed.close();
    await expect(parallel(largePlan(1).plan, closed)).rejects.toMatchObject({ code: 'EPIPE' });
  });
});
