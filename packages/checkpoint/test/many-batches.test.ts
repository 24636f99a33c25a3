import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointTo, DumpPool, fileSink, storeSink } from '@ckptree/checkpoint';
import { BATCH_PAGES, bytesSource, readTree } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { Store } from '@ckptree/store';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { PhysicalMemory } from '../../kernel/dist/memory/physical-memory.js';
import { MemoryBackend } from '../../store/test/support/memory-backend.js';
import { LivingTree } from './support/living-tree.js';
import { HEAD } from './support/planned.js';
import { exported, take } from './support/take.js';

const OPTIONS = { uts: HEAD.uts, time: HEAD.time };
const START = 0x40_0000_0000;

let folder: string;
let pool: DumpPool;
let store: Store;
let living: LivingTree;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ckptree-many-batches-'));
  pool = new DumpPool({ threads: 2 });
  store = await Store.initBackend(new MemoryBackend());
  living = new LivingTree(PhysicalMemory.create(160 * 2 ** 20));
});
afterEach(async () => {
  living.destroy();
  await Promise.all([store.close(), pool.close()]);
  rmSync(folder, { recursive: true });
});

/** The first four bytes of each page; `round` tells who wrote them. */
const wordOf = (page: number, round: number): number => page * 8 + round + 1;

function write(pages: Iterable<number>, round: number): void {
  const { mem } = living.pick(0).space;
  for (const page of pages) mem.setU32(START + page * PAGE_SIZE, wordOf(page, round));
}

/** What the pages of an image begin with, in the order of their addresses, and how many stand in each batch. */
async function contentsOf(image: Buffer): Promise<{ words: number[]; batches: number[] }> {
  const { tree } = await readTree(bytesSource(image));
  const { runs } = tree.tasks[0]!.mm!.memory;
  const words: number[] = [];
  const batches: number[] = [];
  for (let run = 0; run < runs.length; run += 3) {
    const [address, position, pages] = runs.subarray(run, run + 3);
    expect(address).toBe(START + words.length * PAGE_SIZE);
    for (let page = 0; page < pages!; page++) words.push(image.readUInt32LE(position! + page * PAGE_SIZE));
    batches.push(pages!);
  }
  return { words, batches };
}

async function fileImage(): Promise<Buffer> {
  const path = join(folder, 'image');
  await checkpointTo(fileSink(path, pool), living, 1, OPTIONS);
  return readFileSync(path);
}

describe.each([
  ['just one batch', [BATCH_PAGES]],
  ['a page more than one batch', [BATCH_PAGES, 1]],
  ['two batches and a part of one', [BATCH_PAGES, BATCH_PAGES, 77]],
])('a vma with the pages of %s', (_, batches) => {
  const pages = batches.reduce((sum, batch) => sum + batch);

  test('comes back from a file and from a store, and so do the few pages that are written then', async () => {
    const every = Array.from({ length: pages }, (_, page) => page);
    living.pick(0).space.mmap({
      address: START,
      length: pages * PAGE_SIZE,
      protection: { read: true, write: true },
    });
    write(every, 0);
    const first = await take(living, storeSink(store, { name: 'a' }));
    expect(await contentsOf(first.full)).toEqual({ words: every.map((page) => wordOf(page, 0)), batches });
    expect((await fileImage()).equals(first.full)).toBe(true);
    expect((await exported(store, first.manifest.id)).equals(first.full)).toBe(true);

    const written = [0, 5, BATCH_PAGES - 2, BATCH_PAGES - 1, BATCH_PAGES, pages - 1].filter(
      (page) => page < pages,
    );
    write(written, 1);
    const second = await take(living, storeSink(store, { name: 'a' }));
    const words = every.map((page) => wordOf(page, written.includes(page) ? 1 : 0));
    expect(await contentsOf(second.full)).toEqual({ words, batches });
    expect((await exported(store, second.manifest.id)).equals(second.full)).toBe(true);
    // Beside these pages, a recipe: no window of 256 pages was stored anew.
    expect(second.manifest.sizes.new).toBeLessThan(128 * PAGE_SIZE);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true, checkpoints: 2 });
  });
});
