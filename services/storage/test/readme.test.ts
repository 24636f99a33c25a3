import { join } from 'node:path';
import { collectGarbage, openCarrier } from '@ckptree/carrier';
import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { exported } from '../../../packages/store/test/support/folder.js';
import { buildImage, pages } from '../../../packages/store/test/support/image.js';
import { Cluster } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
});
afterAll(() => cluster.end());

test('the example of the carrier’s README', async () => {
  const folder = join(await cluster.folder(), 'store');
  await cluster.storage(folder);
  const bytes = buildImage([{ pid: 1, ppid: 0, pages: pages(10) }]);
  for (const ways of [{}, { volume: folder }]) {
    const connection = await cluster.connect();
    const source = bytesSource(bytes);

    const backend = await openCarrier(connection, ways);
    const store = await Store.openBackend(backend);
    const session = await store.begin({ name: 'nightly' });
    await session.importImage(source);
    const { id } = await session.commit();

    expect(await collectGarbage(connection)).toMatchObject({ waitingFor: 0 });
    expect((await exported(store, id)).equals(bytes)).toBe(true);
  }
});

test('a folder that is not that of the services is no shared volume', async () => {
  const other = await cluster.folder();
  await expect(openCarrier(await cluster.connect(), { volume: other })).rejects.toMatchObject({
    code: 'EINVAL',
  });
  await expect(openCarrier(await cluster.connect(), { volume: join(other, 'none') })).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
