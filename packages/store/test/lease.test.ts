import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type ObjectBackend, Store, withLease } from '@ckptree/store';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { Lease, liveLeases } from '../dist/lease.js';
import { InventedOwners } from './support/crashing-file-system.js';
import { put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';
import { MemoryBackend } from './support/memory-backend.js';

describe('a lease that a service holds for a writer in another process', () => {
  test('is there as long as the work lasts, and covers a writer that dies meanwhile', async () => {
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    const [writer, service, collector] = [invented.next(), invented.next(), invented.next()];
    const lease = await Lease.take(backend, writer);
    const during = await withLease(backend, service, lease.name, async () => {
      writer.die();
      return liveLeases(backend, collector);
    });
    expect(during.map(({ holder }) => holder)).toEqual([lease.holder]);
    expect(await liveLeases(backend, collector)).toEqual([]);
    expect(backend.objects.size).toBe(0);
  });

  test('is refused when the writer is dead or gone, whatever it sent before', async () => {
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    const [writer, service] = [invented.next(), invented.next()];
    const { name } = await Lease.take(backend, writer);
    writer.die();
    const late = () => withLease(backend, service, name, () => Promise.reject(new Error('was done')));
    await expect(late()).rejects.toMatchObject({ code: 'EPERM' });
    await liveLeases(backend, service);
    await expect(late()).rejects.toMatchObject({ code: 'EPERM' });
    expect(backend.objects.size).toBe(0);
    await expect(withLease(backend, service, 'leases/nonsense', late)).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  test('may be taken for the same writer several times at once', async () => {
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    const lease = await Lease.take(backend, invented.next());
    const service = invented.next();
    let together = 0;
    const work = async () => {
      together = Math.max(together, [...backend.objects.keys()].length);
    };
    await Promise.all(Array.from({ length: 5 }, () => withLease(backend, service, lease.name, work)));
    expect(together).toBeGreaterThan(2);
    await lease.release();
    expect(backend.objects.size).toBe(0);
  });

  test('goes later when it cannot be deleted, and what was done is done', async () => {
    jest.useFakeTimers();
    try {
      const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
      const lease = await Lease.take(backend, invented.next());
      const remove = backend.delete.bind(backend);
      backend.delete = () => Promise.reject(Object.assign(new Error('out of reach'), { code: 'EAGAIN' }));
      expect(await withLease(backend, invented.next(), lease.name, async () => 'done')).toBe('done');
      backend.delete = remove;
      await lease.release();
      await jest.advanceTimersByTimeAsync(60_000);
      expect(backend.objects.size).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  test('a collector that removes a dead writer looks again, and sees who took over', async () => {
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    const [writer, service, collector] = [invented.next(), invented.next(), invented.next()];
    const lease = await Lease.take(backend, writer);
    writer.die();
    // Between the collector's list and its deletion, a service takes over for a manifest that is under way.
    const list = backend.list.bind(backend);
    let first = true;
    backend.list = async (kind) => {
      const found = await list(kind);
      if (first) await backend.put(`leases/${lease.holder}.${service.self}.1`, []);
      first = false;
      return found;
    };
    expect((await liveLeases(backend, collector)).map(({ owner }) => owner)).toEqual([service.self]);
  });
});

describe('a lease of another host', () => {
  const HOUR_MS = 3_600_000;

  test.each([
    ['from a clock that is years ahead', Date.now() + 100_000 * HOUR_MS],
    ['with a damaged time', Number.MAX_SAFE_INTEGER],
    ['from long ago', Date.now() - HOUR_MS],
  ])('%s holds up no collection', async (_, renewed) => {
    const path = await scratch();
    const store = await Store.init(path);
    const { id } = await put(store, buildImage([{ pid: 1, ppid: 0, pages: pages(3) }]));
    await store.forget([id]);
    await writeFile(join(path, 'leases', `0123456789abcdef.ffffffffffff.1.1.${renewed}`), '');
    expect(await store.gc()).toMatchObject({ waitingFor: [], waitingPacks: [] });
    expect((await store.info()).writers).toBe(0);
  });

  test('whose clock is a few minutes ahead or behind holds up a collection', async () => {
    const path = await scratch();
    const store = await Store.init(path);
    await (await store.begin()).end();
    for (const [number, skew] of [-5, 5].entries()) {
      const renewed = Date.now() + skew * 60_000;
      await writeFile(join(path, 'leases', `000000000000000${number}.ffffffffffff.1.1.${renewed}`), '');
    }
    expect((await store.gc()).waitingFor).toHaveLength(2);
  });
});

describe('a store that is out of reach when a session ends', () => {
  test('fails nothing that is done', async () => {
    const backend = new MemoryBackend();
    const store = await Store.initBackend(backend);
    const session = await store.begin();
    const remove = backend.delete.bind(backend);
    backend.delete = () => Promise.reject(Object.assign(new Error('out of reach'), { code: 'EAGAIN' }));
    await session.end();
    backend.delete = remove;
    expect((await store.info()).writers).toBe(1);
  });
});

test('a session whose temporary file cannot be closed ends all the same', async () => {
  const backend = new MemoryBackend();
  const failing: ObjectBackend = Object.assign(Object.create(backend) as ObjectBackend, {
    draft: async () => ({
      write: async () => undefined,
      read: async () => new Uint8Array(),
      commit: async () => true,
      close: () => Promise.reject(Object.assign(new Error('could not close'), { code: 'EIO' })),
    }),
  });
  const store = await Store.initBackend(failing);
  const session = await store.begin();
  await session.importImage(bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(3) }])));
  await session.abort();
  expect((await store.info()).writers).toBe(0);
});

describe('a lease that is renewed', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  /** @param minutes at each of which a lease is renewed */
  const pass = (minutes: number) => jest.advanceTimersByTimeAsync(minutes * 60_000);

  test('is there under its last two names, and goes with both', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend();
    const lease = await Lease.take(backend, new InventedOwners().next());
    await pass(5);
    await lease.check();
    expect(await backend.list('leases')).toHaveLength(2);
    await lease.release();
    expect(backend.objects.size).toBe(0);
  });

  test('is over for good when a collector took it for dead, though its process renews it once more', async () => {
    jest.useFakeTimers();
    const [backend, invented] = [new MemoryBackend(), new InventedOwners()];
    const lease = await Lease.take(backend, invented.next());
    await pass(2);
    // The process stands still, and a collector on another host waits for it no longer.
    for (const { name } of await backend.list('leases')) await backend.delete(name);
    await pass(1);
    await expect(lease.check()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await pass(3);
    await expect(lease.check()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await lease.release();
    expect(backend.objects.size).toBe(0);
  });

  test('is there while it is renewed', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend();
    const lease = await Lease.take(backend, new InventedOwners().next());
    const list = backend.list.bind(backend);
    let renewing = false;
    backend.list = async (kind) => {
      const found = await list(kind);
      if (!renewing) {
        renewing = true;
        await pass(1);
      }
      return found;
    };
    await expect(lease.check()).resolves.toBeUndefined();
    await lease.release();
  });

  test('ends though a renewal hangs, which takes back what it puts when it goes on', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend();
    const lease = await Lease.take(backend, new InventedOwners().next());
    const put = backend.put.bind(backend);
    let goOn = (): void => undefined;
    const hanging = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    backend.put = async (name, content) => {
      await hanging;
      return put(name, content);
    };
    await pass(1);
    await lease.release();
    expect(backend.objects.size).toBe(0);
    goOn();
    await pass(1);
    expect(backend.objects.size).toBe(0);
  });

  test('leaves nothing behind when renewals take longer than the time between them', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend();
    const lease = await Lease.take(backend, new InventedOwners().next());
    const put = backend.put.bind(backend);
    let slowMs = 150_000;
    backend.put = async (name, content) => {
      const wait = slowMs;
      slowMs = 0; // only the first
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      return put(name, content);
    };
    await pass(2);
    const released = lease.release();
    await pass(5);
    await released;
    expect(backend.objects.size).toBe(0);
  });

  test('leaves nothing behind of a call that failed, though the store had done it', async () => {
    jest.useFakeTimers();
    const backend = new MemoryBackend();
    const owner = new InventedOwners().next();
    const put = backend.put.bind(backend);
    const putAndFail = async (name: string, content: readonly Uint8Array[]): Promise<boolean> => {
      await put(name, content);
      throw Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' });
    };
    const lease = await Lease.take(backend, owner);
    backend.put = putAndFail;
    await pass(1);
    await lease.release();
    expect(backend.objects.size).toBe(0);
    await expect(Lease.take(backend, owner)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    expect(backend.objects.size).toBe(0);
  });
});
