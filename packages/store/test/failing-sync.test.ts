import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type FileSystem, FolderBackend, realFileSystem, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { failingDisk } from './support/failing-disk.js';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(3) }]);

describe('a checkpoint whose name cannot be made durable', () => {
  test('is not listed when its commit has failed; the next one is', async () => {
    const path = await scratch();
    await Store.init(path);
    const store = await Store.openBackend(
      await FolderBackend.open(path, { fileSystem: failingDisk(1, false) }),
    );
    await expect(put(store, image)).rejects.toMatchObject({
      code: 'EIO',
      message: expect.not.stringContaining('listed'),
    });
    expect((await (await Store.open(path)).list()).checkpoints).toEqual([]);
    const { id } = await put(store, image);
    expect((await exported(await Store.open(path), id)).equals(image)).toBe(true);
  });

  test('is told of when it cannot be taken back', async () => {
    const path = await scratch();
    await Store.init(path);
    const store = await Store.openBackend(
      await FolderBackend.open(path, { fileSystem: failingDisk(1, true) }),
    );
    const session = await store.begin();
    await session.importImage(bytesSource(image));
    const error = await session.commit().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    await session.abort();
    const { checkpoints } = await store.list();
    expect(checkpoints).toHaveLength(1);
    expect(error).toMatchObject({
      code: 'EIO',
      message: expect.stringContaining(`Checkpoint ${checkpoints[0]!.id} may be listed all the same`),
    });
  });

  test('is made durable, or said not to be, when it is confirmed', async () => {
    const path = await scratch();
    await Store.init(path);
    const { id } = await put(await Store.open(path), image);
    const disk = failingDisk(1, false);
    const store = await Store.openBackend(await FolderBackend.open(path, { fileSystem: disk }));
    const session = await store.begin();
    await expect(session.confirm(id)).rejects.toMatchObject({ code: 'EIO' });
    await expect(session.confirm(id)).resolves.toMatchObject({ id });
    await store.forget([id]);
    await expect(session.confirm(id)).rejects.toMatchObject({ code: 'ENOENT' });
    await session.end();
  });
});

test('a checkpoint that was forgotten, which could not be made durable, is forgotten again', async () => {
  const path = await scratch();
  await Store.init(path);
  const { id } = await put(await Store.open(path), image);
  const disk = failingDisk(2, false);
  const store = await Store.openBackend(await FolderBackend.open(path, { fileSystem: disk }));
  await expect(store.forget([id])).rejects.toMatchObject({ code: 'EIO' });
  await expect(store.forget([id])).rejects.toMatchObject({ code: 'EIO' });
  await expect(store.forget([id])).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('an object of many bytes', () => {
  const name = 'packs/large';
  const content = Array.from({ length: 20 }, (_, index) => new Uint8Array(2 ** 20).fill(index));
  const files = async (fails: (sync: number) => boolean) => {
    let syncs = 0;
    const fileSystem: FileSystem = {
      ...realFileSystem,
      async open(path, ...options) {
        const file = await realFileSystem.open(path, ...options);
        if (basename(dirname(path)) !== 'tmp') return file;
        const sync = file.sync.bind(file);
        file.sync = async (dataOnly) => {
          await sync(dataOnly);
          if (fails(++syncs)) throw Object.assign(new Error('some of it was lost'), { code: 'EIO' });
        };
        return file;
      },
    };
    const backend = await FolderBackend.open(await scratch(), { fileSystem });
    return { backend, syncs: () => syncs };
  };

  test('is on its way to the disk before all of it has come', async () => {
    const { backend, syncs } = await files(() => false);
    const draft = await backend.draft(name);
    for (const part of content) await draft.write(part);
    expect(syncs()).toBeGreaterThan(0);
    expect(await draft.commit()).toBe(true);
    await draft.close();
    expect(Buffer.compare(await backend.read(name, 0, 2 ** 30), Buffer.concat(content)) === 0).toBe(true);
  });

  test('is not there when some of it was lost then, though the last sync knows nothing of it', async () => {
    const { backend, syncs } = await files((sync) => sync === 1);
    await expect(backend.put(name, content)).rejects.toMatchObject({ code: 'EIO' });
    expect(syncs()).toBeGreaterThan(0);
    expect(await backend.list('packs')).toEqual([]);
    expect(await readdir(join(backend.location, 'tmp'))).toEqual([]);
  });
});
