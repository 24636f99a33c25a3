import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

test('the beginning of several ids is refused with some of them and the number of the others', async () => {
  const store = await Store.init(join(await scratch(), 'store'));
  const source = bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(1) }]));
  const ids: string[] = [];
  const put = async () => {
    const session = await store.begin({});
    await session.importImage(source);
    ids.push((await session.commit()).id);
  };
  try {
    for (let count = 0; count < 5; count++) await put();
    await expect(store.resolve('20')).rejects.toMatchObject({
      code: 'EINVAL',
      message: `20 may mean ${ids.join(', ')}; say more of the id`,
    });
    await put();
    await put();
    await expect(store.resolve('20')).rejects.toMatchObject({
      code: 'EINVAL',
      message: `20 may mean ${ids.slice(0, 5).join(', ')} and 2 more; say more of the id`,
    });
  } finally {
    await store.close();
  }
});

describe('of many checkpoints', () => {
  async function putSeveral() {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      const session = await store.begin({ name: `number ${count}` });
      await session.importImage(bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(1) }])));
      ids.push((await session.commit()).id);
    }
    return { backend, store, ids };
  }

  test('one is found by its id, or a part that can be no name, without reading the others', async () => {
    const { backend, store, ids } = await putSeveral();
    const [, wanted = ''] = ids;
    const read = backend.read.bind(backend);
    const seen = new Set<string>();
    backend.read = async (name, ...range) => {
      seen.add(name);
      return read(name, ...range);
    };
    for (const text of [wanted, wanted.slice(0, -1), wanted.slice(-8)])
      expect((await store.resolve(text)).id).toBe(wanted);
    expect([...seen]).toEqual([`manifests/${wanted}`]);
    expect((await store.resolve('number 0')).id).toBe(ids[0]);
    await expect(store.resolve('20200101t000000000-00000000')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a name comes before the beginning of an id', async () => {
    const { store, ids } = await putSeveral();
    const name = ids[2]!.split('-')[1]!.slice(0, 7);
    expect((await store.resolve(name)).id).toBe(ids[2]);
    const session = await store.begin({ name });
    await session.importImage(bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(1) }])));
    const { id } = await session.commit();
    expect((await store.resolve(name)).id).toBe(id);
  });
});
