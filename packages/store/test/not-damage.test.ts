import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type FileSystem, FolderBackend, realFileSystem, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const image = buildImage([{ pid: 1, ppid: 0, pages: pages(3) }]);
const secret = { keyFile: new Uint8Array(32).fill(7) };

/** A process that may open no file in a folder any more. */
function withoutDescriptorsFor(folder: string): FileSystem & { full: boolean } {
  return {
    ...realFileSystem,
    full: false,
    async open(path, ...options) {
      if (this.full && basename(dirname(path)) === folder)
        throw Object.assign(new Error('too many open files'), { code: 'EMFILE', syscall: 'open', path });
      return realFileSystem.open(path, ...options);
    },
  };
}

test.each(['manifests', 'packs', 'keys'])(
  'a process that cannot open %s for want of descriptors says so, and takes nothing for damaged',
  async (folder) => {
    const path = await scratch();
    await Store.init(path, { secret });
    const fileSystem = withoutDescriptorsFor(folder);
    const backend = await FolderBackend.open(path, { fileSystem });
    const store = await Store.openBackend(backend, { secrets: [secret] });
    const { id } = await put(store, image);
    fileSystem.full = true;
    await expect(store.verify()).rejects.toMatchObject({ code: 'EMFILE' });
    await expect(store.repair()).rejects.toMatchObject({ code: 'EMFILE' });
    if (folder === 'manifests') await expect(store.list()).rejects.toMatchObject({ code: 'EMFILE' });
    if (folder === 'keys')
      await expect(Store.openBackend(backend, { secrets: [secret] })).rejects.toMatchObject({
        code: 'EMFILE',
      });
    fileSystem.full = false;
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
    expect(await readdir(path)).not.toContain('quarantine');
    expect((await exported(store, id)).equals(image)).toBe(true);
  },
);

test('a pack that its reader has no permission for is told of, and left where it is', async () => {
  const path = await scratch();
  const store = await Store.init(path);
  const { id } = await put(store, image);
  const [pack] = await readdir(join(path, 'packs'));
  const fileSystem: FileSystem = {
    ...realFileSystem,
    async open(file, ...options) {
      if (basename(file) === pack)
        throw Object.assign(new Error('denied'), { code: 'EACCES', syscall: 'open', path: file });
      return realFileSystem.open(file, ...options);
    },
  };
  const barred = await Store.openBackend(await FolderBackend.open(path, { fileSystem }));
  expect(await barred.verify()).toMatchObject({
    ok: false,
    findings: [{ object: `packs/${pack}`, message: expect.stringContaining('no permission') }],
    damaged: [{ id }],
  });
  expect(await barred.repair()).toMatchObject({
    quarantined: [],
    left: [expect.stringContaining('no permission')],
  });
  expect((await exported(store, id)).equals(image)).toBe(true);
});
