import { join } from 'node:path';
import { CkptError } from '@ckptree/errors';
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

  test('one whose manifest is damaged is named, with what to do', async () => {
    const { backend, store, ids } = await putSeveral();
    const [, , damaged = ''] = ids;
    backend.objects.get(`manifests/${damaged}`)![5]! ^= 1;
    const complaint = (who: string) => ({
      code: 'EIO',
      message: `${who} cannot be read: manifests/${damaged} is damaged: its content has another hash; \`ckptree store verify\` on its folder tells more, and \`ckptree store repair\` takes it out`,
    });
    for (const text of [damaged, damaged.slice(0, -1), damaged.slice(-8), damaged.slice(-8, -1)])
      await expect(store.resolve(text)).rejects.toMatchObject(complaint(`checkpoint ${damaged}`));
    // Nobody knows its name: it may be a newer one of a name that older ones have.
    for (const name of ['number 2', 'number 0', 'nobody'])
      await expect(store.resolve(name)).rejects.toMatchObject(
        complaint(`${name} may mean checkpoint ${damaged}, which`),
      );
    expect((await store.resolve('number 3')).id).toBe(ids[3]);
    expect((await store.resolve(ids[0]!)).id).toBe(ids[0]);
    await store.repair();
    expect((await store.resolve('number 0')).id).toBe(ids[0]);
    await expect(store.resolve('number 2')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('one whose manifest may not be read is no reason to repair anything', async () => {
    const { backend, store, ids } = await putSeveral();
    const read = backend.read.bind(backend);
    backend.read = async (name, ...range) => {
      if (name === `manifests/${ids[4]}`) throw new CkptError('EPERM', `cannot open ${name}: not allowed`);
      return read(name, ...range);
    };
    await expect(store.resolve('number 0')).rejects.toMatchObject({
      code: 'EPERM',
      message: `number 0 may mean checkpoint ${ids[4]}, which cannot be read: cannot open manifests/${ids[4]}: not allowed; say by an id which one is meant`,
    });
  });
});
