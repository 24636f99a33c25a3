import { bytesSource } from '@ckptree/image';
import { type InitOptions, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const INIT: InitOptions = { secret: { passphrase: 'secret' }, scryptCost: 2 };
const open = (backend: MemoryBackend) => Store.openBackend(backend, { secrets: [{ passphrase: 'secret' }] });

/** Keys whose names come first are tried first: of so many, one of the wrong store's is sure to be. */
const ATTEMPTS = 8;

async function readable(backend: MemoryBackend): Promise<void> {
  const store = await open(backend);
  try {
    expect((await store.list()).damaged).toEqual([]);
    expect(await store.keys()).toHaveLength(1);
    expect((await store.verify({ readData: true })).ok).toBe(true);
  } finally {
    await store.close();
  }
}

async function put(store: Store): Promise<void> {
  const session = await store.begin({});
  await session.importImage(bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(3) }])));
  await session.commit();
  await store.close();
}

test('an encrypted store stays as it is when somebody makes it again with the same secret', async () => {
  const backend = new MemoryBackend();
  await put(await Store.initBackend(backend, INIT));
  const before = [...backend.objects.keys()];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++)
    await expect(Store.initBackend(backend, INIT)).rejects.toMatchObject({ code: 'EEXIST' });
  expect([...backend.objects.keys()]).toEqual(before);
  await readable(backend);
});

test('of several who make it at once with one secret, the others leave keys behind that open nothing, also when they die', async () => {
  const backend = new MemoryBackend();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const dying = new MemoryBackend();
    await (await Store.initBackend(dying, INIT)).close();
    for (const [name, content] of dying.objects)
      if (name.startsWith('keys/')) backend.objects.set(name, content);
  }
  await put(await Store.initBackend(backend, INIT));
  await readable(backend);
});

test('the last key that opens the store stays, whatever keys of others are there', async () => {
  const backend = new MemoryBackend();
  const dying = new MemoryBackend();
  await (await Store.initBackend(dying, INIT)).close();
  const store = await Store.initBackend(backend, INIT);
  for (const [name, content] of dying.objects)
    if (name.startsWith('keys/')) backend.objects.set(name, content);
  const [key] = await store.keys();
  await expect(store.removeKey(key!.id)).rejects.toMatchObject({ code: 'EPERM' });
  await store.close();
});
