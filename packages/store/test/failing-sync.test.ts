import { basename, dirname } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type FileSystem, FolderBackend, realFileSystem, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(3) }]);

/** A disk that fails to make names of checkpoints durable, so many times, and perhaps to take them away. */
function failingDisk(syncs: number, keepsNames: boolean): FileSystem {
  const broken = (what: string): Error => Object.assign(new Error(`${what} failed`), { code: 'EIO' });
  return {
    ...realFileSystem,
    async open(path, ...options) {
      const file = await realFileSystem.open(path, ...options);
      if (basename(path) === 'manifests')
        file.sync = async () => {
          if (syncs-- > 0) throw broken('sync');
        };
      return file;
    },
    async unlink(path) {
      if (keepsNames && basename(dirname(path)) === 'manifests') throw broken('unlink');
      await realFileSystem.unlink(path);
    },
  };
}

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
});
