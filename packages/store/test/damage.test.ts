import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import {
  type FileSystem,
  FolderBackend,
  type GrowingObject,
  type ObjectBackend,
  partBytes,
  realFileSystem,
  Store,
} from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { BASE, buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const tasks = [
  { pid: 1, ppid: 0, comm: 'init', pages: pages(300) },
  { pid: 2, ppid: 1, comm: 'db', pages: pages(300, (index) => index + 1000) },
];

/** A store whose first page chunk was damaged; the second checkpoint does not use it. */
async function damaged(change: (pack: Buffer) => Buffer) {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const hit = await put(store, buildImage(tasks), { name: 'hit' });
  const image = buildImage([{ pid: 1, ppid: 0, pages: pages(50, (index) => index + 9000) }]);
  const spared = await put(store, image);
  const [pack] = [...backend.objects.keys()].filter((name) => name.startsWith('packs/'));
  backend.objects.set(pack!, change(Buffer.from(backend.objects.get(pack!)!)));
  return { backend, hit, spared, image, pack: pack! };
}

/** The same store, where objects may grow piece by piece, as in a folder, and nothing goes to quarantine in another way. */
function growing(backend: MemoryBackend) {
  const written: number[] = [];
  const draft = async (name: string): Promise<GrowingObject> => {
    const parts: Uint8Array[] = [];
    return {
      write: async (...more) => {
        for (const part of more.map(partBytes)) {
          written.push(part.length);
          parts.push(part.slice());
        }
      },
      read: async (position, length) => Buffer.concat(parts).subarray(position, position + length),
      commit: () => backend.put(name, parts),
      close: async () => undefined,
    };
  };
  const put = (name: string, content: readonly Uint8Array[]): Promise<boolean> => {
    expect(name).not.toMatch(/^quarantine/);
    return backend.put(name, content);
  };
  return { backend: Object.assign(Object.create(backend) as ObjectBackend, { draft, put }), written };
}

const flip = (pack: Buffer, at: number): Buffer => {
  pack[at] = pack[at]! ^ 1;
  return pack;
};

describe('a damaged pack', () => {
  test('goes to quarantine piece by piece, and is there as it was', async () => {
    const memory = new MemoryBackend();
    const store = await Store.initBackend(memory);
    await store.close();
    // 20 MiB of no pack.
    const bytes = Buffer.alloc(20 * 2 ** 20, buildImage(tasks).subarray(0, 4_099));
    const name = `packs/${'0f'.repeat(16)}`;
    memory.objects.set(name, bytes);
    const { backend, written } = growing(memory);
    const report = await (await Store.openBackend(backend)).repair();
    expect(report.quarantined).toEqual([name]);
    expect(Math.max(...written)).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(memory.objects.has(name)).toBe(false);
    const moved = memory.objects.get(`quarantine/${name.replace('/', '-')}`)!;
    expect(Buffer.compare(moved, bytes)).toBe(0);
  });

  test('verify names checkpoint, task and addresses, and what is whole; repair saves the rest', async () => {
    // In the content of the first chunk: pages 0 to 255 of task 1.
    const { backend, hit, spared, image, pack } = await damaged((bytes) => flip(bytes, 5000));
    const store = await Store.openBackend(backend);
    expect((await store.verify()).ok).toBe(true); // the structure is whole
    const report = await store.verify({ readData: true });
    expect(report.findings).toMatchObject([{ object: pack, position: 32 }]);
    expect(report.damaged).toMatchObject([
      {
        id: hit.id,
        name: 'hit',
        lost: [{ pid: 1, comm: 'init', start: BASE, end: BASE + 256 * 4096 }],
        lostSegments: [],
        wholeTasks: [{ pid: 2, comm: 'db' }],
      },
    ]);
    await expect(exported(store, hit.id)).rejects.toMatchObject({ code: 'EIO', fields: { path: pack } });

    const repair = await store.repair();
    expect(repair).toMatchObject({ quarantined: [pack], left: [] });
    expect(repair.salvagedChunks).toBeGreaterThan(2);
    const after = await store.verify({ readData: true });
    expect(after.findings).toEqual([]);
    expect(after.damaged).toMatchObject([{ id: hit.id, lost: [{ pid: 1 }] }]);
    expect((await exported(store, spared.id)).equals(image)).toBe(true);
    // Putting the same pages again heals what is still listed.
    await put(store, buildImage(tasks));
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 100)],
    ['without its table', (bytes: Buffer) => flip(bytes, bytes.length - 60)],
    ['with another header', (bytes: Buffer) => flip(bytes, 3)],
  ])('%s: its chunks are found one by one', async (_name, change) => {
    const { backend, hit, spared, image } = await damaged(change);
    const store = await Store.openBackend(backend);
    const report = await store.verify();
    expect(report.findings).toHaveLength(1);
    expect(report.damaged.map(({ id }) => id)).toEqual([hit.id]);
    expect(await store.repair()).toMatchObject({ left: [] });
    expect((await exported(store, hit.id)).equals(buildImage(tasks))).toBe(true);
    expect((await exported(store, spared.id)).equals(image)).toBe(true);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  });

  test('without its table: is read from one end to the other, however many chunks it has', async () => {
    const path = await scratch();
    const many = buildImage(
      Array.from({ length: 500 }, (_, pid) => ({ pid: pid + 1, ppid: pid, pages: pages(1, () => pid) })),
    );
    const { id } = await put(await Store.init(path), many);
    const [name] = await readdir(join(path, 'packs'));
    const pack = join(path, 'packs', name!);
    const bytes = await readFile(pack);
    await writeFile(pack, flip(bytes, bytes.length - 60));
    let read = 0;
    const fileSystem: FileSystem = {
      ...realFileSystem,
      async open(opened, ...options) {
        const file = await realFileSystem.open(opened, ...options);
        const reading = file.read.bind(file);
        if (opened === pack)
          file.read = async (target, position) => {
            const count = await reading(target, position);
            read += count;
            return count;
          };
        return file;
      },
    };
    const store = await Store.openBackend(await FolderBackend.open(path, { fileSystem }));
    const { salvagedChunks } = await store.repair();
    expect(salvagedChunks).toBeGreaterThan(100);
    // Once to look for chunks, once to move it to quarantine, and its ends.
    expect(read).toBeLessThan(3 * bytes.length);
    expect((await exported(store, id)).equals(many)).toBe(true);
  });

  test('gc deletes nothing that it cannot account for', async () => {
    const { backend, spared } = await damaged((bytes) => bytes.subarray(0, 10));
    const store = await Store.openBackend(backend);
    await expect(store.gc()).rejects.toMatchObject({ code: 'EIO' });
    await store.forget([spared.id]);
    const packs = await backend.list('packs');
    await expect(store.gc()).rejects.toMatchObject({ code: 'EIO' });
    expect(await backend.list('packs')).toEqual(packs);
  });
});

describe('documents that lie', () => {
  test('an unknown version, a document of another name, and a damaged manifest are told by name', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const { id } = await put(store, buildImage(tasks));
    const manifest = backend.objects.get(`manifests/${id}`)!;
    const other = '20200101t000000000-00000000';
    backend.objects.set(`manifests/${other}`, manifest);
    const { checkpoints, damaged: broken } = await store.list();
    expect(checkpoints.map((entry) => entry.id)).toEqual([id]);
    expect(broken).toMatchObject([
      { id: other, error: { code: 'EIO', fields: { path: `manifests/${other}` } } },
    ]);
    expect((await store.repair()).quarantined).toEqual([`manifests/${other}`]);
    expect(await store.verify()).toMatchObject({ ok: true });
    backend.objects.set('config', Buffer.from('{"format":2}\nblake3 0\n'));
    await expect(Store.openBackend(backend)).rejects.toMatchObject({ code: 'EIO' });
  });

  test('a manifest that is too large is damage like any other: a collection refuses to run until a repair took it out', async () => {
    const path = await scratch('/dev/shm');
    const store = await Store.init(path);
    const image = buildImage(tasks);
    const { id } = await put(store, image);
    const other = '20200101t000000000-00000000';
    await writeFile(join(path, 'manifests', other), '');
    await truncate(join(path, 'manifests', other), 256 * 1024 * 1024 + 1);
    await expect(store.gc()).rejects.toMatchObject({ message: expect.stringContaining(other) });
    expect((await store.verify()).damaged.map((damage) => damage.id)).toEqual([other]);
    expect(await store.repair()).toMatchObject({ quarantined: [`manifests/${other}`], left: [] });
    expect((await store.gc()).liveChunks).toBeGreaterThan(0);
    expect((await exported(store, id)).equals(image)).toBe(true);
  });

  test('a missing, damaged or foreign index is rebuilt from the packs', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const image = buildImage(tasks);
    const { id } = await put(store, image);
    await store.repair();
    const [index] = await backend.list('index');
    for (const content of ['', 'ckptindx', 'x'.repeat(index!.size)]) {
      backend.objects.set(index!.name, Buffer.from(content));
      const again = await Store.openBackend(backend);
      expect((await exported(again, id)).equals(image)).toBe(true);
      expect((await again.verify()).findings).toMatchObject([{ object: index!.name }]);
    }
    expect((await (await Store.openBackend(backend)).repair()).droppedIndexes).toEqual([index!.name]);
    expect(await (await Store.openBackend(backend)).verify({ readData: true })).toMatchObject({ ok: true });
  });
});

test('an image that is not valid is refused, and leaves nothing behind', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const session = await store.begin();
  const image = buildImage(tasks);
  await expect(session.importImage(bytesSource(image.subarray(0, image.length - 20)))).rejects.toMatchObject({
    code: 'EBADMSG',
  });
  await session.abort();
  expect([...backend.objects.keys()]).toEqual(['config']);
});
