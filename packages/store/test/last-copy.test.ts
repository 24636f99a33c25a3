import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const WINDOW = 256;

/** One task: a first window that all have, and as many others. */
const imageOf = (seed: number, windows: number): Buffer =>
  buildImage([
    {
      pid: 1,
      ppid: 0,
      pages: pages((1 + windows) * WINDOW, (index) => (index < WINDOW ? index : index + seed * 10_000)),
    },
  ]);
const FORGOTTEN = imageOf(1, 2);
const KEPT = imageOf(2, 6);

/**
 * A store in which two writers that did not see each other put the same window. The checkpoint of the first is forgotten, so
 * that its pack is given up.
 * @returns the checkpoint of the second, and the path of its pack
 */
async function twoCopies() {
  const path = await scratch();
  const packs = () => readdir(join(path, 'packs'));
  const store = await Store.init(path);
  const session = await (await Store.open(path)).begin();
  const forgotten = await put(store, FORGOTTEN);
  const first = await packs();
  await session.importImage(bytesSource(KEPT));
  const { id } = await session.commit();
  const second = (await packs()).find((pack) => !first.includes(pack))!;
  await store.repair(); // publishes an index
  await store.forget([forgotten.id]);
  return { path, id, first, pack: join(path, 'packs', second) };
}

/** Changes a byte of the window that both have: it comes first. */
async function damage(pack: string): Promise<void> {
  const file = await open(pack, 'r+');
  await file.write(Buffer.from('damaged'), 0, 7, 5000);
  await file.close();
}

describe('a collection that gives up a pack of which a chunk is in another pack, too', () => {
  test('copies nothing when that is sound', async () => {
    const { path, id, first } = await twoCopies();
    const store = await Store.open(path);
    expect(await store.gc()).toMatchObject({ deletedPacks: first, rewrittenBytes: 0 });
    expect((await exported(store, id)).equals(KEPT)).toBe(true);
  });

  test('keeps the chunk when that is damaged, so that a repair can save it', async () => {
    const { path, id, first, pack } = await twoCopies();
    await damage(pack);
    const store = await Store.open(path);
    expect((await store.gc()).deletedPacks).toEqual(first);
    await store.repair();
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
    expect((await exported(store, id)).equals(KEPT)).toBe(true);
  });
});
