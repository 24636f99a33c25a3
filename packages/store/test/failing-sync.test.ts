import { bytesSource } from '@ckptree/image';
import { FolderBackend, Store } from '@ckptree/store';
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
