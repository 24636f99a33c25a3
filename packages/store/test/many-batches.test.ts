import { BATCH_PAGES } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, page, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

test.each([
  ['just one batch', BATCH_PAGES],
  ['a page more than one batch', BATCH_PAGES + 1],
  ['two batches and a part of one', 2 * BATCH_PAGES + 77],
])(
  'an image with the pages of %s comes back, and so does the next one with few of them changed',
  async (_, count) => {
    const store = await Store.initBackend(new MemoryBackend());
    const contents = pages(count);
    const image = buildImage([{ pid: 1, ppid: 0, pages: contents }]);
    const first = await put(store, image, { name: 'a' });
    expect((await exported(store, first.id)).equals(image)).toBe(true);

    for (const number of [0, 5, BATCH_PAGES - 1, BATCH_PAGES, count - 1])
      if (number < count) contents.set(number, page(100_000 + number));
    const next = buildImage([{ pid: 1, ppid: 0, pages: contents }], 1n);
    const second = await put(store, next, { name: 'a' });
    expect((await exported(store, second.id)).equals(next)).toBe(true);
    expect((await exported(store, first.id)).equals(image)).toBe(true);
    // Beside these pages, a recipe: no window of 256 pages was stored anew.
    expect(second.sizes.new).toBeLessThan(128 * PAGE_SIZE);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true, checkpoints: 2 });
    await store.close();
  },
);
