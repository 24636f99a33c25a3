import { bytesSource } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { readLayout, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, page, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(300) }]);

/** Stores an image behind so many zeros. @returns its id */
async function putPadded(store: Store, padding: number): Promise<string> {
  const { memories, tree } = await readLayout(bytesSource(image));
  const shifted = memories.map((memory) => ({
    ...memory,
    runs: memory.runs.map((value, index) => (index % 3 === 1 ? value + padding : value)),
  }));
  const bytes = Buffer.concat([Buffer.alloc(padding), image]);
  const session = await store.begin();
  await session.writeImage({ size: bytes.length, source: bytesSource(bytes), memories: shifted, tree });
  return (await session.commit()).id;
}

/** The recipe of such an image. */
async function recipeOf(padding: number): Promise<Buffer> {
  const backend = new MemoryBackend();
  await putPadded(await Store.initBackend(backend, { codec: 'none' }), padding);
  for (const [name, content] of backend.objects) {
    const pack = Buffer.from(content);
    const at = pack.indexOf('ckptrcpe');
    // The size of a chunk's content is in its header.
    if (name.startsWith('packs/') && at !== -1) return pack.subarray(at, at + pack.readUInt32LE(at - 12));
  }
  throw new Error('no pack holds a recipe');
}

test('a collection reads a recipe whose bytes an older checkpoint has in a page', async () => {
  // So that the recipe just fills a page.
  const padding = PAGE_SIZE - (await recipeOf(0)).length;
  const recipe = await recipeOf(padding);
  expect(recipe).toHaveLength(PAGE_SIZE);
  const store = await Store.initBackend(new MemoryBackend());
  await put(
    store,
    buildImage([
      { pid: 1, ppid: 0, pages: new Map([[0, recipe]]) },
      { pid: 2, ppid: 1, pages: new Map([[0, page(1000)]]) },
    ]),
  );
  const id = await putPadded(store, padding);
  await store.gc();
  expect((await exported(store, id)).subarray(padding).equals(image)).toBe(true);
  expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
});
