import { ClaimCheckBackend, collectGarbage, NatsBackend, verifyStorage } from '@ckptree/carrier';
import { bytesSource } from '@ckptree/image';
import { type ObjectBackend, Store } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exported, put } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { cutImage, partLayout } from '../../../packages/store/test/support/parts.js';
import { Cluster } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.end());

const image = (seed: number, count = 700) =>
  buildImage([
    { pid: 1, ppid: 0, pages: pages(count, (index) => (index < 200 ? index : index + seed * 10_000)) },
    { pid: 2, ppid: 1, pages: pages(300, (index) => index + seed * 20_000) },
  ]);

type Way = (store: string) => Promise<ObjectBackend>;
const ways: Record<string, Way> = {
  'over NATS': async () => NatsBackend.open(await cluster.connect()),
  'by claim check': async (store) => ClaimCheckBackend.open(await cluster.connect(), store),
};

describe.each(Object.entries(ways))('a store %s', (_, open) => {
  test('takes checkpoints, gives them back, collects and verifies', async () => {
    const path = await cluster.folder();
    const services = [await cluster.storage(path, ['--piece-size', '64K']), await cluster.storage(path)];
    const connection = await cluster.connect();
    const store = await Store.openBackend(await open(path), { packSize: 1024 * 1024 });
    const first = await put(store, image(1), { name: 'a' });
    const second = await put(store, image(2), { name: 'a', labels: { k: 'v' } });
    expect(second.parent).toBe(first.id);
    expect((await exported(store, first.id)).equals(image(1))).toBe(true);
    expect((await exported(store, second.id)).equals(image(2))).toBe(true);
    expect((await store.resolve('a')).id).toBe(second.id);
    await store.forget([first.id]);
    const collected = await collectGarbage(connection);
    expect(collected).toMatchObject({ waitingFor: 0 });
    expect(collected.deletedPacks).toBeGreaterThan(0);
    expect((await exported(store, second.id)).equals(image(2))).toBe(true);
    expect(await verifyStorage(connection, { readData: true })).toMatchObject({
      ok: true,
      checkpoints: 1,
      findings: [],
    });
    const { writers, packs } = await store.info();
    expect(writers).toBe(0);
    expect(await services[0]!.metric('ckptree_storage_objects{kind="manifests"}')).toBe(1);
    expect(await services[0]!.metric('ckptree_storage_objects{kind="packs"}')).toBe(packs);
    for (const service of services) expect(await service.stop()).toBe(0);
  });

  test('takes the parts of several writers, and the image that a composer makes of them', async () => {
    const path = await cluster.folder();
    const service = await cluster.storage(path);
    const stores = await Promise.all(
      Array.from({ length: 3 }, async () => Store.openBackend(await open(path))),
    );
    const [composer, ...writers] = await Promise.all(stores.map((store) => store.begin()));
    const cut = await cutImage(image(3));
    const middle = cut.seams[1]!.to;
    const stretches = [
      { from: cut.seams[0]!.from, to: middle },
      { from: middle, to: cut.bytes.length - 1 },
    ];
    const stored = await Promise.all(
      writers.map((writer, index) => {
        const { layout, ends } = partLayout(cut, [stretches[index]!]);
        return writer.writeParts(layout, ends);
      }),
    );
    const { id } = await composer!.commitParts({
      id: '20261125t000000000-00000001',
      created: '2026-11-25T00:00:00.000Z',
      durationMs: 1,
      tree: cut.layout.tree,
      pieces: [
        cut.bytes.subarray(0, stretches[0]!.from),
        ...stored.flatMap(({ parts }) => parts),
        cut.bytes.subarray(-1),
      ],
      added: { new: 0, stored: 0 },
    });
    for (const writer of writers) await writer.end();
    expect((await exported(stores[2]!, id)).equals(cut.bytes)).toBe(true);
    expect(await service.stop()).toBe(0);
  });
});

describe('an encrypted store', () => {
  test('is carried by a service that has no key; only those who have one read, collect and verify', async () => {
    const path = await cluster.folder();
    const secret = { passphrase: 'correct horse' };
    await (await Store.init(path, { secret, scryptCost: 2 })).close();
    const keyless = await cluster.storage(path);
    const connection = await cluster.connect();
    const backend = await NatsBackend.open(connection);
    await expect(Store.openBackend(backend)).rejects.toMatchObject({ code: 'EPERM' });
    const store = await Store.openBackend(backend, { secrets: [secret] });
    const session = await store.begin({ name: 'hidden' });
    await session.importImage(bytesSource(image(5)));
    const { id } = await session.commit();
    expect((await exported(store, id)).equals(image(5))).toBe(true);
    await expect(collectGarbage(connection)).rejects.toMatchObject({ code: 'EPERM' });
    expect(await keyless.stop()).toBe(0);
    const keyed = await cluster.storage(path);
    expect(await keyed.stop()).toBe(0);
  });
});
