import { type ImageSink, storeSink } from '@ckptree/checkpoint';
import { PAGE_SIZE } from '@ckptree/model';
import { type Manifest, Store } from '@ckptree/store';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBackend } from '../../store/test/support/memory-backend.js';
import { BASE, FILE, LivingTree, livingMemory, mapPages, PAGES, writePages } from './support/living-tree.js';
import { exported, take } from './support/take.js';

/** As a store's, but the checkpoint fails when all of it is written. */
const failing = (sink: ImageSink<Manifest>): ImageSink<Manifest> => ({
  async open() {
    const writer = await sink.open();
    return {
      ...writer,
      commit: async () => {
        throw new Error('the disk is gone');
      },
    };
  },
});

let stores: [Store, Store];
let living: LivingTree;
const memory = livingMemory();

beforeEach(async () => {
  stores = [await Store.initBackend(new MemoryBackend()), await Store.initBackend(new MemoryBackend())];
  living = new LivingTree(memory);
});
afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  living.destroy();
  expect(memory.stats().used).toBe(0);
});

describe('a checkpoint that takes over what did not change is the full one, byte for byte', () => {
  interface World {
    readonly living: LivingTree;
    readonly stores: readonly Store[];
    readonly taken: { readonly store: Store; readonly id: string; readonly full: Buffer }[];
  }
  type Step = (world: World) => void | Promise<void>;
  const who = fc.nat(20);
  const range = fc.tuple(
    fc.nat(PAGES - 1),
    fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 }), fc.nat(PAGES)).map((count) => count + 1),
  );

  const write = fc.tuple(who, range, fc.nat(3)).map(
    ([number, [first, count], value]): Step =>
      ({ living }) =>
        writePages(living.pick(number).space, first, count, value),
  );
  const map = fc.tuple(who, range, fc.boolean()).map(
    ([number, [first, count], isFile]): Step =>
      ({ living }) =>
        mapPages(living.pick(number).space, first, count, isFile ? FILE : undefined),
  );
  const unmap = fc.tuple(who, range).map(
    ([number, [first, count]]): Step =>
      ({ living }) =>
        living.pick(number).space.munmap(BASE + first * PAGE_SIZE, count * PAGE_SIZE),
  );
  const read = fc.tuple(who, range).map(
    ([number, [first, count]]): Step =>
      ({ living }) => {
        const { space } = living.pick(number);
        for (const { start, end, flags } of space.vmas)
          if (flags !== 0 && start <= BASE + first * PAGE_SIZE && BASE + (first + count) * PAGE_SIZE <= end)
            space.mem.read(BASE + first * PAGE_SIZE, count * PAGE_SIZE);
      },
  );
  const protect = fc.tuple(who, range, fc.boolean()).map(
    ([number, [first, count], isWritable]): Step =>
      ({ living }) => {
        const { space } = living.pick(number);
        mapPages(space, first, count);
        space.mprotect(BASE + first * PAGE_SIZE, Math.min(count, PAGES - first) * PAGE_SIZE, {
          read: true,
          write: isWritable,
        });
      },
  );
  const heap = fc.tuple(who, fc.nat(40)).map(
    ([number, pages]): Step =>
      ({ living }) => {
        const { space } = living.pick(number);
        const start = space.brk();
        const end = space.brk(0x10_0000_0000 + pages * PAGE_SIZE);
        for (let address = start; address < end; address += PAGE_SIZE) space.mem.setU8(address, pages);
      },
  );
  const life = fc.tuple(who, fc.constantFrom('fork', 'fork', 'exit', 'exec', 'migrate')).map(
    ([number, what]): Step =>
      ({ living }) => {
        if (what !== 'fork' || living.tasks.size < 5) living[what](living.pick(number).pid);
      },
  );
  const doing = fc.oneof(
    { weight: 6, arbitrary: write },
    { weight: 1, arbitrary: map },
    { weight: 1, arbitrary: unmap },
    { weight: 1, arbitrary: read },
    { weight: 1, arbitrary: protect },
    { weight: 1, arbitrary: heap },
    { weight: 3, arbitrary: life },
  );
  const checkpoint = fc
    .record({
      store: fc.constantFrom(0, 0, 0, 1),
      fails: fc.oneof(
        { weight: 4, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
      meanwhile: fc.array(doing, { maxLength: 3 }),
      // Bits by pid: the others live outside of the tree.
      members: fc.oneof(fc.constant(0xffff), fc.nat(0xffff)),
    })
    .map(
      ({ store: number, fails, meanwhile, members }): Step =>
        async ({ living, stores, taken }) => {
          living.isMember = (pid) => ((members >>> (pid % 16)) & 1) === 1;
          if (![...living.tasks.keys()].some(living.isMember)) return;
          const store = stores[number]!;
          const sink = storeSink(store, { name: 'a' });
          const act = () => meanwhile.forEach((step) => void step({ living, stores, taken }));
          if (fails) {
            await expect(take(living, failing(sink), act)).rejects.toThrow('the disk is gone');
            return;
          }
          const { manifest, full } = await take(living, sink, act);
          taken.push({ store, id: manifest.id, full });
        },
    );
  const forget = fc.nat(20).map(
    (number): Step =>
      async ({ taken }) => {
        if (taken.length === 0) return;
        const [{ store, id }] = taken.splice(number % taken.length, 1) as [World['taken'][number]];
        await store.forget([id]);
        await store.gc({ minLiveShare: 1 });
      },
  );
  const step = fc.oneof(
    { weight: 6, arbitrary: doing },
    { weight: 4, arbitrary: checkpoint },
    { weight: 1, arbitrary: forget },
  );

  test('whatever is written, mapped, forked, run, failed, forgotten and collected', async () => {
    const law = fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 30, size: 'max' }),
      async (steps) => {
        const world: World = {
          living: new LivingTree(memory),
          stores: [
            await Store.initBackend(new MemoryBackend()),
            await Store.initBackend(new MemoryBackend()),
          ],
          taken: [],
        };
        try {
          mapPages(world.living.pick(0).space, 0, PAGES);
          writePages(world.living.pick(0).space, 0, PAGES, 1);
          for (const act of steps) await act(world);
          for (const { store, id, full } of world.taken)
            expect((await exported(store, id)).equals(full)).toBe(true);
          for (const store of world.stores)
            expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
        } finally {
          world.living.destroy();
        }
        expect(memory.stats().used).toBe(0);
      },
    );
    await fc.assert(law, { numRuns: 50 });
  });
});
