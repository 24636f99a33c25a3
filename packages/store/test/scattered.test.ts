import { type ChunkEngine, inlineEngine, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { exported, put } from './support/folder.js';
import { buildImage, page, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

/** Names each chunk that is unpacked. */
const watched =
  (opened: string[]): ((settings: Parameters<typeof inlineEngine>[0]) => ChunkEngine) =>
  (settings) => {
    const engine = inlineEngine(settings);
    return {
      ...engine,
      open(id, ...rest) {
        opened.push(id);
        return engine.open(id, ...rest);
      },
      openAll(source, records) {
        opened.push(...records.map(({ id }) => id));
        return engine.openAll(source, records);
      },
    };
  };

test.each([
  ['in more chunks than are kept at first, all of them needed for each few MiB', 4096, 80, 3],
  ['in more chunks than are ever kept', 512, 300, 1.1],
])(
  'an image with pages %s is given back without unpacking the same again and again',
  async (_, count, generations, most) => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const contents = pages(count);
    const write = async (generation: number) => {
      const image = buildImage([{ pid: 1, ppid: 0, pages: contents }], BigInt(generation));
      return { image, id: (await put(store, image, { name: 'a' })).id };
    };
    let last = await write(0);
    for (let generation = 1; generation <= generations; generation++) {
      for (let number = generation; number < count; number += generations)
        contents.set(number, page(count * generation + number));
      last = await write(generation);
    }
    const opened: string[] = [];
    const reader = await Store.openBackend(backend, { engine: watched(opened) });
    expect((await exported(reader, last.id)).equals(last.image)).toBe(true);
    const different = new Set(opened).size;
    expect(different).toBeGreaterThan(generations);
    expect(opened.length).toBeLessThanOrEqual(most * different);
    await Promise.all([reader.close(), store.close()]);
  },
);
