import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CarrierObserver,
  ClaimCheckBackend,
  collectGarbage,
  NatsBackend,
  type PatienceOptions,
  verifyStorage,
} from '@ckptree/carrier';
import type { Connection } from '@ckptree/protocol';
import { type ObjectBackend, Store } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exported, put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { Cluster, eventually, type StorageProcess } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.end());

/** A third of the pages are the same in all of them. */
const image = (seed: number, count = 900) =>
  buildImage([
    { pid: 1, ppid: 0, pages: pages(count, (index) => (index < count / 3 ? index : index + seed * 10_000)) },
  ]);

/** Small packs and pieces: there is always an upload under way. */
const SMALL = { packSize: 512 * 1024 };
const PIECES = ['--piece-size', '64K'];

/** Puts checkpoints until it is told to stop, and forgets every other one. @returns what must be there */
async function writer(store: Store, first: number, stopped: () => boolean): Promise<Map<string, number>> {
  const kept = new Map<string, number>();
  for (let seed = first; !stopped(); seed++) {
    const { id } = await put(store, image(seed), seed % 2 === 0 ? { name: 'shared' } : {});
    if (seed % 2 === 0) kept.set(id, seed);
    else await store.forget([id]);
  }
  return kept;
}

async function check(store: Store, kept: ReadonlyMap<string, number>): Promise<void> {
  const listing = await store.list();
  expect(listing.damaged).toEqual([]);
  expect(listing.checkpoints.map(({ id }) => id).sort()).toEqual([...kept.keys()].sort());
  for (const [id, seed] of kept) expect((await exported(store, id)).equals(image(seed))).toBe(true);
  expect(await store.verify({ readData: true })).toMatchObject({ ok: true, damaged: [] });
}

type Way = (path: string, connection: Connection, options: PatienceOptions) => Promise<ObjectBackend>;
const ways: Record<string, Way> = {
  'over NATS': (_, connection, options) => NatsBackend.open(connection, options),
  'by claim check': (path, connection, options) => ClaimCheckBackend.open(connection, path, options),
};

/** Counts what was tried again. */
function counting(): { readonly observer: CarrierObserver; retries: number } {
  const counted = {
    retries: 0,
    observer: {
      read: () => undefined,
      written: () => undefined,
      underWay: () => undefined,
      retried: () => {
        counted.retries++;
      },
    },
  };
  return counted;
}

describe.each(Object.entries(ways))('writers %s', (_, open) => {
  test('go on when one storage service after the other is killed, and no checkpoint is lost', async () => {
    const path = await cluster.folder();
    const services: StorageProcess[] = [
      await cluster.storage(path, PIECES),
      await cluster.storage(path, PIECES),
    ];
    const counted = counting();
    const stores = await Promise.all(
      [1, 2].map(async () =>
        Store.openBackend(await open(path, await cluster.connect(), { observer: counted.observer }), SMALL),
      ),
    );
    let stopped = false;
    let acknowledged = 0;
    const writing = stores.map((store, index) =>
      writer(store, 1 + index * 1000, () => {
        acknowledged++;
        return stopped;
      }),
    );
    // Until at least two were killed, and something that was under way with one of them was tried again.
    for (let killed = 0; killed < 2 || counted.retries === 0; killed++) {
      const before = acknowledged;
      await eventually(() => acknowledged > before);
      await services.shift()!.stop('SIGKILL');
      services.push(await cluster.storage(path, PIECES));
    }
    stopped = true;
    const kept = new Map((await Promise.all(writing)).flatMap((one) => [...one]));
    expect(kept.size).toBeGreaterThan(0);
    const local = await Store.open(path);
    await check(local, kept);
    expect((await local.gc()).waitingFor).toEqual([]);
    for (const service of services) await service.stop();
    // What the dead left is cleaned up, by whoever comes next.
    await cluster.storage(path).then((service) => service.stop());
    expect(await readdir(join(path, 'tmp'))).toEqual([]);
    await check(local, kept);
  });
});

/** A collector waits for what writers are about to commit. */
const COLLECTED_MS = 120_000;

describe('garbage collectors', () => {
  test('race with writers over NATS and by claim check, and take nothing that is needed', async () => {
    const path = await cluster.folder();
    await cluster.storage(path, PIECES);
    await cluster.storage(path, PIECES);
    const connection = await cluster.connect();
    const backends = [
      await NatsBackend.open(await cluster.connect()),
      await ClaimCheckBackend.open(await cluster.connect(), path),
    ];
    const stores = await Promise.all(backends.map((backend) => Store.openBackend(backend, SMALL)));
    let stopped = false;
    const writing = stores.map((store, index) => writer(store, 1 + index * 1000, () => stopped));
    const far = await Store.openBackend(await NatsBackend.open(await cluster.connect()), SMALL);
    // One behind the other, so that each finds something to delete: those of the service, and one that works over NATS.
    await eventually(
      async () => (await collectGarbage(connection, { waitMs: 500 })).deletedPacks > 0,
      COLLECTED_MS,
    );
    await eventually(async () => (await far.gc({ waitMs: 500 })).deletedPacks.length > 0, COLLECTED_MS);
    stopped = true;
    const kept = new Map((await Promise.all(writing)).flatMap((one) => [...one]));
    await check(far, kept);
    expect(await verifyStorage(connection, { readData: true })).toMatchObject({ ok: true, damaged: [] });
  });
});
