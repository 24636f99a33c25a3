import { setTimeout as sleep } from 'node:timers/promises';
import { ClaimCheckBackend, collectGarbage, NatsBackend } from '@ckptree/carrier';
import { request, storage } from '@ckptree/protocol';
import { Store } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exported, put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { Cluster } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.end());

const image = (seed: number) =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(900, (index) => index + seed * 10_000) }]);

const SMALL = { packSize: 256 * 1024 };

describe('the NATS server goes away and comes back', () => {
  test('writers and readers wait, and go on', async () => {
    const path = await cluster.folder();
    const service = await cluster.storage(path, ['--piece-size', '64K']);
    const { server } = cluster.nats;
    const backends = [
      await NatsBackend.open(await cluster.connect()),
      await ClaimCheckBackend.open(await cluster.connect(), path),
    ];
    const stores = await Promise.all(backends.map((backend) => Store.openBackend(backend, SMALL)));
    let stopped = false;
    const kept = new Map<string, number>();
    const working = stores.map(async (store, index) => {
      for (let seed = 1 + index * 1000; !stopped; seed++) {
        const { id } = await put(store, image(seed));
        kept.set(id, seed);
        expect((await exported(store, id)).equals(image(seed))).toBe(true);
      }
    });
    for (let round = 0; round < 2; round++) {
      await sleep(100);
      await server.kill();
      await sleep(300);
      await server.start();
      const before = kept.size;
      while (kept.size === before) await sleep(20);
    }
    stopped = true;
    await Promise.all(working);
    const local = await Store.open(path);
    expect((await local.list()).checkpoints).toHaveLength(kept.size);
    expect(await local.verify({ readData: true })).toMatchObject({ ok: true, damaged: [] });
    expect((await local.gc()).waitingFor).toEqual([]);
    expect(await service.stop()).toBe(0);
  });

  test('who loses patience is told so, and who is told to leave leaves', async () => {
    const path = await cluster.folder();
    const service = await cluster.storage(path);
    const connection = await cluster.connect();
    const leave = new AbortController();
    const patient = await NatsBackend.open(connection, { signal: leave.signal });
    const hasty = await NatsBackend.open(connection, { patienceMs: 1_000 });
    await service.stop();
    await expect(hasty.list('packs')).rejects.toMatchObject({ code: 'EAGAIN' });
    await expect(collectGarbage(connection, { patienceMs: 1_000 })).rejects.toMatchObject({ code: 'EAGAIN' });
    const waiting = patient.read('config', 0, 10);
    const told = expect(waiting).rejects.toMatchObject({ code: 'EINTR' });
    await sleep(50);
    leave.abort();
    await told;
    await cluster.nats.server.kill();
    await expect(hasty.list('packs')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await cluster.nats.server.start();
    const again = await cluster.storage(path);
    const backend = await NatsBackend.open(connection);
    expect(await backend.read('config', 0, 10)).toHaveLength(10);
    expect(await again.stop()).toBe(0);
  });
});

describe('a service that is to end', () => {
  test('does not wait for an upload whose sender never heard that it had begun', async () => {
    const service = await cluster.storage(await cluster.folder());
    const name = `packs/${'0'.repeat(32)}`;
    await request(await cluster.connect(), storage.begin, { name, size: 1000 });
    expect(await service.stop()).toBe(0);
  });
});

describe('a service of another store', () => {
  test('does not start beside those that are there', async () => {
    const first = await cluster.storage(await cluster.folder());
    await expect(cluster.storage(await cluster.folder())).rejects.toThrow(/EBUSY.*serves another store/);
    expect(await first.stop()).toBe(0);
  });
});
