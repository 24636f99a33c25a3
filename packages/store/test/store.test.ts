import { setImmediate } from 'node:timers/promises';
import { readTree, verifyImage } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, page, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const root = (contents: ReadonlyMap<number, Uint8Array>) => [{ pid: 1, ppid: 0, pages: contents }];

describe('a store', () => {
  test('gives an image back byte for byte', async () => {
    const store = await Store.init(await scratch());
    const image = buildImage([
      { pid: 1, ppid: 0, pages: new Map([...pages(700), [900, new Uint8Array(4096)], [5000, page(3)]]) },
      { pid: 2, ppid: 1, pages: pages(300, (index) => (index % 10 === 0 ? index + 7777 : index)) },
      { pid: 3, ppid: 1, pages: new Map() },
    ]);
    const { id, sizes, tree } = await put(store, image);
    expect(sizes.logical).toBe(image.length);
    expect(tree).toEqual({ rootPid: 1, comm: 'task1', tasks: 3, mms: 3, pages: 1002 });
    expect((await exported(store, id)).equals(image)).toBe(true);
    const report = await verifyImage(await store.source(id));
    expect(report.ok).toBe(true);
    // In pieces that fit nothing.
    const source = await store.source(id);
    for (let at = 0; at < image.length; at += 99_991)
      expect(Buffer.from(await source.read(at, 77)).equals(image.subarray(at, at + 77))).toBe(true);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true, checkpoints: 1 });
  });

  test('reads no page when the structure of an image alone is wanted', async () => {
    const backend = new MemoryBackend();
    const image = buildImage(root(pages(4096)));
    const { id } = await put(await Store.initBackend(backend), image);
    const store = await Store.openBackend(backend);
    let bytes = 0;
    const read = backend.read.bind(backend);
    backend.read = async (...where) => {
      const found = await read(...where);
      bytes += found.length;
      return found;
    };
    const { tree } = await readTree((await store.source(id)).withoutPages());
    expect(tree.tasks).toHaveLength(1);
    // What was stored by then is index, manifest and recipe; a page is 4 KiB that does not compress.
    expect(bytes).toBeLessThan(image.length / 64);
    await exported(store, id);
    expect(bytes).toBeGreaterThanOrEqual(4096 * 4096);
  });

  test('takes an image from a source that reads into the same memory each time, one read after the other', async () => {
    const store = await Store.init(await scratch());
    const image = buildImage(root(pages(3000)));
    const memory = Buffer.alloc(image.length);
    const session = await store.begin();
    let reading = false;
    await session.importImage({
      async read(position, length) {
        expect(reading).toBe(false);
        reading = true;
        memory.fill(0xee);
        await setImmediate();
        reading = false;
        return memory.subarray(0, image.copy(memory, 0, position, Math.min(position + length, image.length)));
      },
    });
    const { id } = await session.commit();
    expect((await exported(store, id)).equals(image)).toBe(true);
  });

  test('keeps equal pages once: an unchanged checkpoint, and one with few pages changed', async () => {
    const store = await Store.init(await scratch());
    const count = 4096;
    const first = await put(store, buildImage(root(pages(count)), 1n), { name: 'a' });
    const unchanged = await put(store, buildImage(root(pages(count)), 2n), { name: 'a' });
    expect(unchanged.parent).toBe(first.id);
    expect(unchanged.sizes.stored).toBeLessThan(first.sizes.stored * 0.005);
    const changed = buildImage(
      root(pages(count, (index) => (index % 100 === 37 ? index + 100_000 : index))),
      3n,
    );
    const second = await put(store, changed, { name: 'a' });
    expect(second.sizes.stored).toBeLessThan(first.sizes.stored * 0.015);
    expect((await exported(store, second.id)).equals(changed)).toBe(true);
    // Again unchanged: its windows are spread over chunks, and are found all the same.
    const third = await put(store, changed, { name: 'a' });
    expect(third.sizes.stored).toBeLessThan(first.sizes.stored * 0.005);
    expect((await exported(store, third.id)).equals(changed)).toBe(true);
  });

  test('keeps the pages that forked tasks share once', async () => {
    const store = await Store.init(await scratch());
    const [tasks, each] = [64, 200];
    const image = buildImage(
      Array.from({ length: tasks }, (_, task) => ({
        pid: task + 1,
        ppid: task === 0 ? 0 : 1,
        pages: pages(each, (index) => (task > 0 && index % 20 === task % 20 ? task * 1000 + index : index)),
      })),
    );
    const unique = each + (tasks - 1) * (each / 20);
    const { sizes, id } = await put(store, image);
    expect(sizes.stored).toBeLessThan(unique * 4096 * 1.02);
    expect((await exported(store, id)).equals(image)).toBe(true);
  });

  test('encrypted: opens with its secret only, and shows nothing', async () => {
    const path = await scratch();
    const secret = { passphrase: 'correct horse' };
    const store = await Store.init(path, { secret, scryptCost: 2 });
    const image = buildImage(root(pages(300)));
    const { id } = await put(store, image, { name: 'secret name' });
    await expect(Store.open(path)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(Store.open(path, { secrets: [{ passphrase: 'wrong' }] })).rejects.toMatchObject({
      code: 'EPERM',
    });
    const again = await Store.open(path, { secrets: [secret] });
    expect((await exported(again, id)).equals(image)).toBe(true);
    const keyFile = Buffer.alloc(32, 9);
    const added = await again.addKey({ keyFile }, 'second');
    const [first] = await again.keys().then((keys) => keys.filter((key) => key.id !== added.id));
    await again.removeKey(first!.id);
    await expect(again.removeKey(added.id)).rejects.toMatchObject({ code: 'EPERM' });
    await expect(Store.open(path, { secrets: [secret] })).rejects.toMatchObject({ code: 'EPERM' });
    const third = await Store.open(path, { secrets: [{ keyFile }] });
    expect((await exported(third, id)).equals(image)).toBe(true);
  });

  test('forgets and collects', async () => {
    const store = await Store.init(await scratch());
    const a = await put(store, buildImage(root(pages(300))));
    const b = await put(store, buildImage(root(pages(300, (index) => index + 5000))));
    await store.forget([a.id]);
    const report = await store.gc();
    expect(report.deletedPacks).toHaveLength(1);
    expect((await store.info()).packs).toBe(1);
    expect((await exported(store, b.id)).length).toBe(b.sizes.logical);
    await expect(store.source(a.id)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  });
});
