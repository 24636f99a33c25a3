import { Store, withLease } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { Lease, liveLeases } from '../dist/lease.js';
import { InventedOwners } from './support/crashing-file-system.js';
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
