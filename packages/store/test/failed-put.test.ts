import { bytesSource } from '@ckptree/image';
import { inlineEngine, readLayout, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(600) }]);

/** A store whose engine fails to seal chunks once. */
async function storeThatFailsOnce(): Promise<Store> {
  let failures = 1;
  return Store.initBackend(new MemoryBackend(), {
    engine(settings) {
      const engine = inlineEngine(settings);
      return {
        ...engine,
        async seal(...work) {
          if (failures-- > 0) throw Object.assign(new Error('a thread is gone'), { code: 'EPIPE' });
          return engine.seal(...work);
        },
      };
    },
  });
}

test('a session that could not store an image stores none: chunks that it promised may never come', async () => {
  const store = await storeThatFailsOnce();
  const session = await store.begin();
  await expect(session.importImage(bytesSource(image))).rejects.toMatchObject({ code: 'EPIPE' });
  await expect(session.importImage(bytesSource(image))).rejects.toMatchObject({ code: 'EPIPE' });
  await session.abort();
  expect((await store.list()).checkpoints).toEqual([]);
  const { id } = await put(store, image);
  expect((await exported(store, id)).equals(image)).toBe(true);
});

test('nor parts of one', async () => {
  const store = await storeThatFailsOnce();
  const session = await store.begin();
  const layout = await readLayout(bytesSource(image));
  await expect(session.writeParts(layout, [layout.size])).rejects.toMatchObject({ code: 'EPIPE' });
  await expect(session.writeParts(layout, [layout.size])).rejects.toMatchObject({ code: 'EPIPE' });
  await session.abort();
});
