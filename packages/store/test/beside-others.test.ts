import { CkptError } from '@ckptree/errors';
import { type ObjectBackend, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { collecting } from './support/collecting.js';
import { exported, put } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const imageOf = (content: (index: number) => number): Buffer =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(512, content) }]);

/** Two windows; of the pack of the older checkpoint, the newer one needs one. */
const OLDER = imageOf((index) => index);
const NEWER = imageOf((index) => (index < 256 ? index : index + 5000));
const GC = { minLiveShare: 0.9 };

/** Two checkpoints, of which the older one is forgotten: a collection has to copy a window. */
async function putBoth(store: Store): Promise<string> {
  const older = await put(store, OLDER);
  const { id } = await put(store, NEWER);
  await store.forget([older.id]);
  return id;
}

interface Interrupted extends ObjectBackend {
  /** From now on it waits for the first such call. */
  arm(): void;
}

/** The same store for somebody else, while others do something: when that one has listed a kind or read an object of it, once. */
function interrupted(
  backend: ObjectBackend,
  method: 'list' | 'read',
  kind: string,
  action: () => Promise<unknown>,
): Interrupted {
  let isArmed = false;
  const after = async <Found>(called: typeof method, name: string, found: Found): Promise<Found> => {
    if (isArmed && called === method && name.startsWith(kind)) {
      isArmed = false;
      await action();
    }
    return found;
  };
  return Object.assign(Object.create(backend) as ObjectBackend, {
    arm: () => {
      isArmed = true;
    },
    list: async (name: string) => after('list', name, await backend.list(name)),
    read: async (name: string, position: number, length: number) =>
      after('read', name, await backend.read(name, position, length)),
  });
}

/** A store whose one checkpoint is forgotten and collected while somebody else reads it. */
async function forgottenWhileRead() {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend);
  const { id } = await put(store, OLDER);
  return interrupted(backend, 'read', 'manifests/', async () => {
    await store.forget([id]);
    expect((await store.gc()).deletedPacks).toHaveLength(1);
  });
}

describe('a collection', () => {
  test('deletes no pack of which it could not copy what is needed, whatever it was that was missing', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const id = await putBoth(store);
    const without: ObjectBackend = Object.assign(Object.create(backend) as ObjectBackend, {
      draft: () => Promise.reject(new CkptError('ENOENT', 'the folder of temporary files is gone')),
    });
    const collector = await Store.openBackend(without);
    await expect(collector.gc(GC)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await exported(await Store.openBackend(backend), id)).equals(NEWER)).toBe(true);
    expect((await store.gc(GC)).deletedPacks).toHaveLength(1);
    expect((await exported(store, id)).equals(NEWER)).toBe(true);
  });

  test('needs nothing of a checkpoint that is forgotten, and collected, while it reads it', async () => {
    const watched = await forgottenWhileRead();
    const collector = await Store.openBackend(watched);
    watched.arm();
    expect((await collector.gc()).liveChunks).toBe(0);
  });
});

describe('a check finds nothing wrong', () => {
  test('with a checkpoint that is committed meanwhile', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    await put(store, OLDER);
    const watched = interrupted(backend, 'list', 'packs', () => put(store, NEWER));
    const checker = await Store.openBackend(watched);
    watched.arm();
    expect(await checker.verify()).toMatchObject({ ok: true, damaged: [] });
    expect((await checker.list()).checkpoints).toHaveLength(2);
  });

  test('with chunks that a collector moves meanwhile', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    await putBoth(store);
    const watched = interrupted(backend, 'list', 'packs', async () => {
      expect((await store.gc(GC)).deletedPacks).toHaveLength(1);
    });
    const checker = await Store.openBackend(watched);
    watched.arm();
    expect(await checker.verify()).toMatchObject({ ok: true, damaged: [] });
  });

  test('with a checkpoint that is forgotten and collected meanwhile', async () => {
    const watched = await forgottenWhileRead();
    const checker = await Store.openBackend(watched);
    watched.arm();
    expect(await checker.verify()).toMatchObject({ ok: true, damaged: [] });
  });
});

describe('a repair', () => {
  test.each(['list', 'read'] as const)(
    'needs no damaged pack that is collected meanwhile (%s)',
    async (method) => {
      const backend = new MemoryBackend();
      const store = await Store.initBackend(backend);
      const { id } = await put(store, OLDER);
      const [pack] = await backend.list('packs');
      backend.objects.get(pack!.name)![100]! ^= 1;
      await store.forget([id]);
      const collection = await collecting(backend, GC);
      const watched = interrupted(backend, method, 'packs', async () => {
        expect((await collection.finish()).deletedPacks).toHaveLength(1);
      });
      const repairer = await Store.openBackend(watched);
      // When all packs are looked through.
      const report = await repairer.repair({ onProgress: () => watched.arm() });
      expect(report).toMatchObject({ quarantined: [], left: [] });
      expect(await backend.list('quarantine')).toEqual([]);
      expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
    },
  );
});
