import { bytesSource } from '@ckptree/image';
import { PAGE_SIZE } from '@ckptree/model';
import { type GcReport, type ObjectBackend, readLayout, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { collecting } from './support/collecting.js';
import { exported, put } from './support/folder.js';
import { Gate } from './support/gate.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const WINDOW = 256;
const NEW = 100_000;

/** One task with six windows. @param version of each page: its content follows from that and its place */
const imageOf = (version: (window: number, page: number) => number): Buffer =>
  buildImage([
    {
      pid: 1,
      ppid: 0,
      pages: pages(6 * WINDOW, (index) => index + NEW * version(Math.floor(index / WINDOW), index % WINDOW)),
    },
  ]);

/** The last two windows are new, and some of the pages of the third. */
const PARENT = (window: number, page: number): number =>
  window > 3 || (window === 2 && page % 3 === 0) ? 1 : 0;
/** As the parent, but two pages of the fourth window. */
const CHILD = (window: number, page: number): number =>
  window === 3 && (page === 7 || page === 8) ? 2 : PARENT(window, page);

/** A checkpoint that has some of its pages in the pack of an older one, which is forgotten. @returns its id */
async function putParent(store: Store): Promise<string> {
  const older = await put(
    store,
    imageOf(() => 0),
  );
  const { id } = await put(store, imageOf(PARENT), { parent: older.id });
  await store.forget([older.id]);
  return id;
}

/** Gives up a pack of which a third is not needed, and waits for a writer before it deletes it. */
const GC = { minLiveShare: 0.9 };

async function expectSound(backend: ObjectBackend, id: string, image: Buffer): Promise<void> {
  const reader = await Store.openBackend(backend);
  expect((await exported(reader, id)).equals(image)).toBe(true);
  expect(await reader.verify({ readData: true })).toMatchObject({ ok: true });
  await reader.close();
}

describe('a pack that is given up', () => {
  test('is not relied upon: not for windows as a whole, not for places of the parent, not for single pages', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const parent = await putParent(store);
    const image = imageOf(CHILD);
    const layout = await readLayout(bytesSource(image));
    const collection = await collecting(backend, GC);
    const session = await store.begin({ parent });
    let collected: Promise<GcReport> | undefined;
    await session.writeImage({
      ...layout,
      source: {
        async read(position, length) {
          // By now the parent is known. Nobody else needs what is in its pack.
          collected ??= store.forget([parent]).then(collection.finish);
          await collected;
          return image.subarray(position, position + length);
        },
      },
    });
    const { id, sizes } = await session.commit();
    expect((await collected)?.deletedPacks).toHaveLength(1);
    // What is in the other pack is relied upon all the same.
    expect(sizes.new).toBeGreaterThan(3 * WINDOW * PAGE_SIZE);
    expect(sizes.new).toBeLessThan(4.5 * WINDOW * PAGE_SIZE);
    await expectSound(backend, id, image);
  });

  test('is not relied upon while another writer of the same process finds out that it has gone', async () => {
    const backend = new MemoryBackend();
    const gate = new Gate();
    const store = await Store.initBackend(
      Object.assign(Object.create(backend) as ObjectBackend, {
        async list(kind: string) {
          const found = await backend.list(kind);
          if (kind === 'packs') await gate.pass();
          return found;
        },
      }),
    );
    const parent = await putParent(store);
    const collection = await collecting(backend, GC);
    const session = await store.begin({ parent });
    await store.forget([parent]);
    expect((await collection.finish()).deletedPacks).toHaveLength(1);
    gate.close();
    // It has seen that there are no marks any more, and is about to see that the pack has gone, too.
    const beginning = store.begin();
    await gate.reached;
    const image = imageOf(CHILD);
    await session.importImage(bytesSource(image));
    gate.open();
    await (await beginning).abort();
    const { id } = await session.commit();
    await expectSound(backend, id, image);
  });

  test('is not relied upon because a reader whose index was replaced looked before it was marked', async () => {
    const backend = new MemoryBackend();
    const gate = new Gate();
    const parent = await putParent(await Store.initBackend(backend));
    await publishIndex(backend);
    const store = await Store.openBackend(
      Object.assign(Object.create(backend) as ObjectBackend, {
        async list(kind: string) {
          const found = await backend.list(kind);
          if (kind === 'packs') await gate.pass();
          return found;
        },
      }),
    );
    await publishIndex(backend);
    gate.close(1);
    // It finds that its index is gone, has seen that there are no marks, and is about to take over the packs.
    const reading = exported(store, parent);
    await gate.reached;
    const collection = await collecting(backend, GC);
    // Its lease comes after the mark, so the collector does not wait for it.
    const beginning = store.begin();
    await Promise.race([beginning, turns(100)]);
    gate.open();
    await reading;
    const session = await beginning;
    await store.forget([parent]);
    const image = imageOf(CHILD);
    await session.importImage(bytesSource(image));
    expect((await collection.finish()).deletedPacks).toHaveLength(1);
    const { id } = await session.commit();
    await expectSound(backend, id, image);
  });
});

/** Another process replaces the index. */
async function publishIndex(backend: ObjectBackend): Promise<void> {
  const store = await Store.openBackend(backend);
  await store.repair();
  await store.close();
}

/** Lets everybody go on who waits for nothing but memory. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
