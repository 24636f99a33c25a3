import { planLayout, storeSink } from '@ckptree/checkpoint';
import { type Baseline, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { collecting } from '../../store/test/support/collecting.js';
import { MemoryBackend } from '../../store/test/support/memory-backend.js';
import { LivingTree, livingMemory, mapPages, PAGES, writePages } from './support/living-tree.js';
import { imageOf, planned } from './support/planned.js';
import { exported, take } from './support/take.js';

test('pages of a parent are not taken over from a pack that is given up', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const memory = livingMemory();
  const living = new LivingTree(memory);
  const { space } = living.pick(0);
  mapPages(space, 0, PAGES);
  writePages(space, 0, PAGES, 1);
  const { manifest: parent } = await take(living, storeSink(store, { name: 'a' }));
  writePages(space, 100, 5, 2);
  const cut = await living.cut();
  const image = Buffer.from(await imageOf(cut.tree));
  const baselineOf = async (options: { readonly parent: string }) => {
    const session = await store.begin(options);
    let baseline: Baseline | undefined;
    const layout = await planLayout(planned(cut.tree), cut.tree, async (history) => {
      baseline = await session.baseline(history);
      return baseline;
    });
    return { session, layout, baseline };
  };

  const before = await baselineOf({ parent: parent.id });
  expect(before.baseline).toBeDefined();
  await before.session.end();

  const collection = await collecting(backend, { minLiveShare: 1 });
  const { session, layout, baseline } = await baselineOf({ parent: parent.id });
  expect(baseline).toBeUndefined();
  await store.forget([parent.id]);
  expect((await collection.finish()).deletedPacks).toHaveLength(1);
  await session.writeImage(layout);
  const { id } = await session.commit();
  const reader = await Store.openBackend(backend);
  expect((await exported(reader, id)).equals(image)).toBe(true);
  expect(await reader.verify({ readData: true })).toMatchObject({ ok: true, checkpoints: 1 });
  cut.release();
  living.destroy();
  expect(memory.stats().used).toBe(0);
  await Promise.all([store.close(), reader.close()]);
});
