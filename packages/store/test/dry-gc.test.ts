import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const WINDOW = 256;

/** One task: a first window that all have, and as many others of its own. */
const imageOf = (seed: number, windows = 1): Buffer =>
  buildImage([
    {
      pid: 1,
      ppid: 0,
      pages: pages((1 + windows) * WINDOW, (index) => (index < WINDOW ? index : index + seed * 10_000)),
    },
  ]);

type Scenario = (store: Store, backend: MemoryBackend) => Promise<unknown>;

const SCENARIOS: readonly (readonly [name: string, prepare: Scenario, moves: boolean])[] = [
  ['all is needed', (store) => put(store, imageOf(1)), false],
  ['nothing is needed', async (store) => store.forget([(await put(store, imageOf(1))).id]), false],
  [
    'a part of a pack is needed',
    async (store) => {
      const { id } = await put(store, imageOf(1, 3));
      await put(store, imageOf(2));
      await store.forget([id]);
    },
    true,
  ],
  [
    'what is needed of a pack is in another one, too',
    async (store, backend) => {
      const session = await (await Store.openBackend(backend)).begin();
      const { id } = await put(store, imageOf(1));
      await session.importImage(bytesSource(imageOf(2, 6)));
      await session.commit();
      await store.forget([id]);
    },
    false,
  ],
  [
    'there are many small packs',
    async (store) => {
      for (let seed = 0; seed < 20; seed++) await put(store, imageOf(seed));
    },
    true,
  ],
  [
    'packs that are needed are given up already',
    async (store, backend) => {
      await put(store, imageOf(1));
      await put(store, imageOf(2));
      for (const { name } of await backend.list('packs'))
        await backend.put(name.replace('packs/', 'condemned/'), []);
    },
    true,
  ],
];

test.each(SCENARIOS)(
  'a collection that only tells, tells what one gives back: %s',
  async (_, prepare, moves) => {
    const backend = new MemoryBackend();
    await prepare(await Store.initBackend(backend), backend);
    const before = new Map(backend.objects);
    const told = await (await Store.openBackend(backend)).gc({ dryRun: true });
    expect(backend.objects).toEqual(before);
    const done = await (await Store.openBackend(backend)).gc();
    expect(told).toEqual(done);
    expect(done.rewrittenBytes > 0).toBe(moves);
  },
);
