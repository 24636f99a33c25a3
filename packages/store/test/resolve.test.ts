import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

test('the beginning of several ids is refused with some of them and the number of the others', async () => {
  const store = await Store.init(join(await scratch(), 'store'));
  const source = bytesSource(buildImage([{ pid: 1, ppid: 0, pages: pages(1) }]));
  const ids: string[] = [];
  const put = async () => {
    const session = await store.begin({});
    await session.importImage(source);
    ids.push((await session.commit()).id);
  };
  try {
    for (let count = 0; count < 5; count++) await put();
    await expect(store.resolve('20')).rejects.toMatchObject({
      code: 'EINVAL',
      message: `20 may mean ${ids.join(', ')}; say more of the id`,
    });
    await put();
    await put();
    await expect(store.resolve('20')).rejects.toMatchObject({
      code: 'EINVAL',
      message: `20 may mean ${ids.slice(0, 5).join(', ')} and 2 more; say more of the id`,
    });
  } finally {
    await store.close();
  }
});
