import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointTo, storeSink } from '@ckptree/checkpoint';
import { PAGE_SIZE, type TaskTree } from '@ckptree/model';
import { type Manifest, Store } from '@ckptree/store';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planLayout } from '../dist/plan-layout.js';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { HEAD, imageOf, MemorySink, planned } from './support/planned.js';
import { HandMadeSource } from './support/source.js';
import { mm, task, tree, vma } from './support/trees.js';

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ckptree-store-sink-'));
  store = await Store.init(folder);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const OPTIONS = { uts: HEAD.uts, time: HEAD.time };

async function put(of: TaskTree, name = 'a'): Promise<Manifest> {
  const source = new HandMadeSource(of);
  const { saved } = await checkpointTo(storeSink(store, { name }), source, of.rootPid, OPTIONS);
  expect(source.held).toBe(0);
  return saved;
}

test('the store gives back the bytes that a file would have', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTree, async (of) => {
      const sink = new MemorySink();
      const { id, sizes, tree: summary } = await put(of);
      await store.export(id, sink);
      const image = await imageOf(of);
      expect(Buffer.from(sink.bytes()).equals(image)).toBe(true);
      expect(sizes.logical).toBe(image.length);
      expect(summary.tasks).toBe(of.tasks.length);
    }),
    { numRuns: 25 },
  );
});

test('what went to a sink last is the parent of what goes there next, whatever it is called', async () => {
  const of = tree(task(1));
  const sink = storeSink(store);
  const save = async () => (await checkpointTo(sink, new HandMadeSource(of), of.rootPid, OPTIONS)).saved;
  const first = await save();
  const second = await save();
  const third = await save();
  expect(first.parent).toBeUndefined();
  expect([second.parent, third.parent]).toEqual([first.id, second.id]);
});

test('a planned image is read by position, in any order', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryTree, fc.nat(1000), fc.nat(20_000), async (of, at, length) => {
      const image = await imageOf(of);
      const { source } = await planLayout(planned(of), of);
      const position = Math.floor((at / 1000) * image.length);
      const bytes = await source.read(position, length);
      expect(Buffer.from(bytes).equals(image.subarray(position, position + length))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

describe('pages are stored once', () => {
  const PAGES = 1000;
  const START = 0x10_0000;
  const TASKS = 64;
  /** Of each task's pages, one of so many is its own. */
  const OWN_EVERY = 20;

  const memory = new PhysicalMemory(PAGES + (TASKS * PAGES) / OWN_EVERY + 2 * PAGES);
  const written = (): number => {
    const frame = memory.allocate();
    randomFillSync(memory.bytes(frame));
    return frame;
  };
  const shared = Array.from({ length: PAGES }, written);
  const taskWith = (pid: number, ppid: number, frameOf: (page: number) => number) => {
    const space = new AddressSpace(memory);
    for (let page = 0; page < PAGES; page++)
      space.setPage(START + page * PAGE_SIZE, { frame: frameOf(page) });
    return task(pid, { ppid, mm: mm([vma(START, PAGES)], { memory: space.snapshot() }) });
  };

  test('64 forked tasks that share 95 % of their pages cost at most 1.02 times their unique pages', async () => {
    const forked = Array.from({ length: TASKS - 1 }, (_, index) =>
      taskWith(2 + index, 1, (page) => (page % OWN_EVERY === 7 ? written() : shared[page]!)),
    );
    const { sizes } = await put(
      tree(
        taskWith(1, 0, (page) => shared[page]!),
        ...forked,
      ),
    );
    const unique = PAGES + ((TASKS - 1) * PAGES) / OWN_EVERY;
    expect(sizes.logical).toBeGreaterThan(TASKS * PAGES * PAGE_SIZE);
    expect(sizes.stored).toBeLessThanOrEqual(1.02 * unique * PAGE_SIZE);
  });

  test('unchanged costs less than 0.5 %, and with 1 % of the pages written at most 1.5 %', async () => {
    const first = await put(tree(taskWith(1, 0, (page) => shared[page]!)));
    const unchanged = await put(tree(taskWith(1, 0, (page) => shared[page]!)));
    expect(unchanged.parent).toBe(first.id);
    expect(unchanged.sizes.stored).toBeLessThan(0.005 * first.sizes.stored);
    const changed = await put(
      tree(taskWith(1, 0, (page) => (page % 100 === 37 ? written() : shared[page]!))),
    );
    expect(changed.sizes.stored).toBeLessThanOrEqual(0.015 * first.sizes.stored);
  });
});

test('what fails or is cancelled leaves nothing that is listed', async () => {
  const refused = new HandMadeSource(tree(task(1, { mm: mm([vma(0x1000, 1, { ops: 'shm' })]) })));
  await expect(checkpointTo(storeSink(store), refused, 1)).rejects.toMatchObject({ code: 'ENOSYS' });

  const space = new AddressSpace(new PhysicalMemory(8));
  space.setPage(0x1000, { content: Uint8Array.of(1) });
  const source = new HandMadeSource(
    tree(task(1, { mm: mm([vma(0x1000, 1)], { memory: space.snapshot() }) })),
  );
  const controller = new AbortController();
  const onProgress = (): void => controller.abort();
  await expect(
    checkpointTo(storeSink(store), source, 1, { signal: controller.signal, onProgress }),
  ).rejects.toMatchObject({ code: 'EINTR' });
  expect([refused.held, source.held]).toEqual([0, 0]);
  expect(await store.list()).toEqual({ checkpoints: [], damaged: [] });
  expect(await store.info()).toMatchObject({ writers: 0 });
});

test('what is cancelled is read no further: it is asked for each stretch of some MiB', async () => {
  const pages = 12_000;
  const space = new AddressSpace(new PhysicalMemory(pages + 50));
  for (let page = 0; page < pages; page++)
    space.setPage(0x10_0000 + page * PAGE_SIZE, { content: Uint8Array.of(1, page, page >> 8) });
  const image = tree(task(1, { mm: mm([vma(0x10_0000, pages)], { memory: space.snapshot() }) }));
  const checksOf = async (most: number): Promise<number> => {
    let checks = 0;
    const check = (): void => {
      if (++checks === most) throw new Error('cancelled');
    };
    const session = await store.begin();
    try {
      await session.writeImage({ ...(await planLayout(planned(image), image)), check });
    } catch (error) {
      expect(error).toMatchObject({ message: 'cancelled' });
    } finally {
      await session.abort();
    }
    return checks;
  };
  expect(await checksOf(Number.POSITIVE_INFINITY)).toBeGreaterThan(4);
  expect(await checksOf(3)).toBe(3);
});
