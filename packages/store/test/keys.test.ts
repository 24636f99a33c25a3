import { CkptError } from '@ckptree/errors';
import { Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeDocument } from '../dist/envelope.js';
import { exported, put } from './support/folder.js';
import { Gate } from './support/gate.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

const secret = { passphrase: 'correct horse' };
const INIT = { secret, scryptCost: 2 };
const OPEN = { secrets: [secret] };
const image = buildImage([{ pid: 1, ppid: 0, pages: pages(30) }]);

/** Checks that the passphrase opens the store, by one key, and that both sides read what the other wrote. */
async function expectOneStore(backend: MemoryBackend, store: Store): Promise<void> {
  const other = await Store.openBackend(backend, OPEN);
  expect(await other.keys()).toHaveLength(1);
  for (const [writer, reader] of [
    [store, other],
    [other, store],
  ] as const) {
    const { id } = await put(writer, image);
    expect((await exported(reader, id)).equals(image)).toBe(true);
  }
}

describe('the key of another master key, which the same passphrase opens', () => {
  test('that a process left which made the same store at the same time, is not the key of the store', async () => {
    const backend = new MemoryBackend();
    const made = await Promise.allSettled(Array.from({ length: 4 }, () => Store.initBackend(backend, INIT)));
    const stores = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(stores).toHaveLength(1);
    await expectOneStore(backend, stores[0]!);
    expect(await stores[0]!.verify()).toMatchObject({ ok: true });
  });

  test('that was made for a store that is there already, is gone again', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend, INIT);
    const before = [...backend.objects.keys()];
    await expect(Store.initBackend(backend, INIT)).rejects.toMatchObject({ code: 'EEXIST' });
    expect([...backend.objects.keys()]).toEqual(before);
    await expectOneStore(backend, store);
  });

  test('that was made when the making of the store was cut short, is not the key of the store', async () => {
    const backend = new MemoryBackend();
    const cutShort: MemoryBackend = Object.assign(Object.create(backend) as MemoryBackend, {
      put: async (name: string, content: readonly Uint8Array[]) =>
        name === 'config' ? new Promise<boolean>(() => undefined) : backend.put(name, content),
    });
    for (let attempt = 0; attempt < 4; attempt++) {
      void Store.initBackend(cutShort, INIT);
      while (backend.objects.size === attempt) await new Promise((resolve) => setImmediate(resolve));
    }
    const store = await Store.initBackend(backend, INIT);
    await expectOneStore(backend, store);
    const [key] = await store.keys();
    await expect(store.removeKey(key!.id)).rejects.toMatchObject({ code: 'EPERM' });
    expect(await store.verify()).toMatchObject({ ok: true });
  });
});

describe('a key that asks for what no key needs', () => {
  test.each([
    ['a cost that is no power of two', { N: 3, r: 8, p: 1 }],
    ['too much memory', { N: 2 ** 22, r: 32, p: 1 }],
  ])('%s, keeps nobody from opening the store by another', async (_, cost) => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend, INIT);
    const name = 'keys/0000000000000000';
    const kdf = { type: 'scrypt', ...cost };
    const [salt, wrapped] = ['0'.repeat(32), '0'.repeat(120)];
    await backend.put(name, [encodeDocument(name, { created: '', label: '', kdf, salt, wrapped })]);
    await expectOneStore(backend, store);
    expect((await store.verify()).findings).toMatchObject([{ object: name }]);
  });
});

test('a key that is taken away while others look at the keys is no damage to them', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend, INIT);
  const going = await store.addKey({ passphrase: 'second' }, 'second', 2);
  const late: MemoryBackend = Object.assign(Object.create(backend) as MemoryBackend, {
    async list(kind: string) {
      const found = await backend.list(kind);
      if (kind === 'keys') await backend.delete(`keys/${going.id}`);
      return found;
    },
  });
  const other = await Store.openBackend(late, OPEN);
  await backend.put(`keys/${going.id}`, []);
  expect(await other.verify()).toMatchObject({ ok: true });
  await backend.put(`keys/${going.id}`, []);
  expect(await other.repair()).toMatchObject({ quarantined: [] });
  await backend.put(`keys/${going.id}`, []);
  await expect(Store.openBackend(late, { secrets: [{ passphrase: 'none' }] })).rejects.toMatchObject({
    code: 'EPERM',
  });
});

test('of two keys that are taken away at the same time one stays', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend, INIT);
  await store.addKey({ keyFile: Buffer.alloc(32, 1) }, 'second');
  const keys = await store.keys();
  const removed = await Promise.allSettled(keys.map(({ id }) => store.removeKey(id)));
  const left = await store.keys();
  expect(left.length).toBeGreaterThan(0);
  // Whoever was told that a key is gone was told the truth.
  const gone = keys.filter((_, index) => removed[index]!.status === 'fulfilled').map(({ id }) => id);
  expect(left.filter(({ id }) => gone.includes(id))).toEqual([]);
  expect(gone.length + left.length).toBe(2);
});

interface Paced extends MemoryBackend {
  /** How many turns of the event loop the next calls wait, the last first. */
  delays: number[];
}

/** The same objects for somebody whose calls take their time. */
const paced = (backend: MemoryBackend): Paced =>
  Object.assign(Object.create(backend) as MemoryBackend, {
    delays: [],
    async list(this: Paced, kind: string) {
      await pass(this.delays.pop());
      return backend.list(kind);
    },
    async put(this: Paced, name: string, content: readonly Uint8Array[]) {
      await pass(this.delays.pop());
      return backend.put(name, content);
    },
    async delete(this: Paced, name: string) {
      await pass(this.delays.pop());
      return backend.delete(name);
    },
  });

async function pass(turns = 0): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('of keys that are taken away at the same time one is there at any time, wherever somebody dies', async () => {
  const backend = new MemoryBackend();
  const remove = backend.delete.bind(backend);
  backend.delete = async (name) => {
    await remove(name);
    expect(await backend.list('keys')).not.toEqual([]);
  };
  const store = await Store.initBackend(backend, INIT);
  for (const label of ['second', 'third']) await store.addKey({ keyFile: Buffer.alloc(32, 1) }, label);
  const keys = (await store.keys()).map(({ id }) => id);
  const prepared = [...backend.objects];
  const persons = await Promise.all(
    keys.map(async () => {
      const own = paced(backend);
      return { own, store: await Store.openBackend(own, OPEN) };
    }),
  );
  const delays = fc.array(fc.nat(6), { minLength: 6, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(delays, { minLength: 3, maxLength: 3 }), async (all) => {
      for (const [name, content] of prepared) backend.objects.set(name, content);
      const removed = await Promise.allSettled(
        persons.map(({ own, store: opened }, index) => {
          own.delays = [...all[index]!];
          return opened.removeKey(keys[index]!);
        }),
      );
      for (const result of removed)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'EPERM' });
      const left = (await store.keys()).map(({ id }) => id);
      expect(left).toEqual(keys.filter((_, index) => removed[index]!.status === 'rejected'));
      expect(await backend.list('condemned')).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a key whose removal was cut short is removed by the next one, and does not count for others until then', async () => {
  const backend = new MemoryBackend();
  const store = await Store.initBackend(backend, INIT);
  const second = await store.addKey({ keyFile: Buffer.alloc(32, 1) }, 'second');
  const [first] = (await store.keys()).filter(({ id }) => id !== second.id);
  const gate = new Gate();
  const dying: MemoryBackend = Object.assign(Object.create(backend) as MemoryBackend, {
    delete: () => gate.pass(),
  });
  gate.close();
  void (await Store.openBackend(dying, OPEN)).removeKey(second.id);
  await gate.reached;
  await expect(store.removeKey(first!.id)).rejects.toMatchObject({
    code: 'EPERM',
    message: expect.stringContaining(second.id),
  });
  await store.removeKey(second.id);
  expect((await store.keys()).map(({ id }) => id)).toEqual([first!.id]);
  await store.gc();
  expect(await backend.list('condemned')).toEqual([]);
});

test('a store that is not encrypted is not taken for one that is: somebody may have put it in its place', async () => {
  const backend = new MemoryBackend();
  await Store.initBackend(backend);
  await expect(Store.openBackend(backend, OPEN)).rejects.toMatchObject({ code: 'EPERM' });
  const nobodyIsAsked = () => Promise.reject(new CkptError('EINVAL', 'somebody was asked'));
  await (await Store.openBackend(backend, { secrets: nobodyIsAsked })).close();
});
