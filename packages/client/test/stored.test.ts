import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@ckptree/client';
import { bytesSource } from '@ckptree/image';
import { LocalCluster } from '@ckptree/local-cluster';
import { Store } from '@ckptree/store';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const dataFolder = mkdtempSync(join(tmpdir(), 'ckptree-client-'));
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await LocalCluster.start({ dataFolder, workers: 0, coordinators: 0, storages: 1 });
});
afterAll(async () => {
  await cluster.stop();
  rmSync(dataFolder, { recursive: true, force: true });
});

test.each(['over NATS', 'from a volume that is shared'])(
  'what is stored is listed, shown and read %s',
  async (way) => {
    const volume = join(dataFolder, 'store');
    const image = readFileSync(new URL('../../image/test/corpus/good/family.img', import.meta.url));
    const writing = await Store.open(volume);
    const session = await writing.begin({ name: way, labels: { way } });
    await session.importImage(bytesSource(image));
    const { id } = await session.commit();
    await writing.close();

    const client = await connect({ url: cluster.natsUrl, ...(way !== 'over NATS' && { volume }) });
    const { checkpoints, damaged } = await client.list({ way });
    expect([checkpoints, damaged]).toMatchObject([[{ id, name: way, labels: { way } }], []]);
    expect(checkpoints[0]).not.toHaveProperty('segments');
    await expect(client.show(way)).resolves.toEqual(checkpoints[0]);
    await expect(client.show('nobody')).rejects.toMatchObject({ code: 'ENOENT' });

    const store = await client.store();
    const source = await store.source(id);
    const read = await source.read(0, image.length);
    expect(Buffer.compare(read, image)).toBe(0);
    await store.close();
    await client.close();
  },
);
