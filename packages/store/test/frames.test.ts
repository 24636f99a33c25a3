import { bytesSource } from '@ckptree/image';
import { readLayout, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

describe('an image whose frames are known', () => {
  test('is stored with each frame once, wherever it is mapped, and comes back byte for byte', async () => {
    // Task 2 maps the frames of task 1 in another order, at other addresses, so that no address would help.
    const image = buildImage([
      { pid: 1, ppid: 0, pages: pages(600) },
      { pid: 2, ppid: 1, pages: pages(600, (index) => (index % 7 === 0 ? 5000 + index : 599 - index)) },
      { pid: 3, ppid: 1, pages: pages(100, (index) => 250 + index) },
    ]);
    const layout = await readLayout(bytesSource(image));
    const frames = [
      Int32Array.from({ length: 600 }, (_, index) => index),
      Int32Array.from({ length: 600 }, (_, index) => (index % 7 === 0 ? 5000 + index : 599 - index)),
      Int32Array.from({ length: 100 }, (_, index) => 250 + index),
    ];
    const memories = layout.memories.map((memory, index) => ({ ...memory, frames: frames[index]! }));
    const store = await Store.initBackend(new MemoryBackend());
    const session = await store.begin();
    await session.writeImage({ ...layout, memories });
    const { id, sizes } = await session.commit();
    const unique = 600 + Math.ceil(600 / 7);
    expect(sizes.stored).toBeLessThan(unique * 4096 * 1.02);
    expect((await exported(store, id)).equals(image)).toBe(true);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  });
});
