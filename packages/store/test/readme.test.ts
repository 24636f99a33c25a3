import { join } from 'node:path';
import { bytesSource, readTree } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

test('the example of the README', async () => {
  const path = join(await scratch(), 'store');
  const bytes = buildImage([{ pid: 1, ppid: 0, pages: pages(10) }]);
  const source = bytesSource(bytes);
  const written: Buffer[] = [];
  const sink = { write: (part: Uint8Array) => void written.push(Buffer.from(part)) };

  const store = await Store.init(path);
  const session = await store.begin({ name: 'nightly', labels: { app: 'db' } });
  await session.importImage(source);
  const { id, sizes } = await session.commit();
  expect(sizes.logical).toBe(bytes.length);
  expect((await store.list({ app: 'db' })).checkpoints.map((manifest) => manifest.id)).toEqual([id]);
  expect((await store.list({ app: 'web' })).checkpoints).toEqual([]);
  for (const text of [id, id.slice(0, 20), id.slice(-8), 'nightly'])
    expect((await store.resolve(text)).id).toBe(id);
  await expect(store.resolve('other')).rejects.toMatchObject({ code: 'ENOENT' });

  const image = await store.source(id);
  expect((await readTree(image)).tree.rootPid).toBe(1);
  await store.export(id, sink);
  expect(Buffer.concat(written).equals(bytes)).toBe(true);

  await store.forget((await store.plan({ keepLast: 3, keepDaily: 7 })).map((manifest) => manifest.id));
  await store.gc();
  const { ok, findings, damaged } = await store.verify({ readData: true });
  expect({ ok, findings, damaged }).toEqual({ ok: true, findings: [], damaged: [] });
  expect(await store.info()).toMatchObject({ checkpoints: 1, packs: 1, condemnedPacks: 0, writers: 0 });
});
