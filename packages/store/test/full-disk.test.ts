import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Store } from '@ckptree/store';
import { afterAll, describe, expect, test } from '@jest/globals';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

/** A small file system in memory; undefined where mounting is not permitted, and then these tests are not defined. */
function mountSmall(folder: string): string | undefined {
  const path = join(folder, 'small');
  mkdirSync(path);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'ckptree-test', path]);
  return status === 0 ? path : undefined;
}

const folder = await mkdtemp(join(tmpdir(), 'ckptree-full-'));
const mounted = mountSmall(folder);

afterAll(async () => {
  if (mounted !== undefined) spawnSync('umount', [mounted]);
  await rm(folder, { recursive: true, force: true });
});

const image = (seed: number, count: number) =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(count, (index) => index + seed * 10_000) }]);

describe('a store', () => {
  test('of any kind keeps what it has when a checkpoint is given up', async () => {
    const store = await Store.init(await scratch());
    const first = image(1, 20);
    const { id } = await put(store, first);
    const session = await store.begin();
    await session.abort();
    await expect(session.commit()).rejects.toMatchObject({ code: 'EINVAL' });
    expect((await exported(store, id)).equals(first)).toBe(true);
    expect((await store.info()).writers).toBe(0);
  });

  if (mounted !== undefined)
    test('on a full disk says so, lists nothing half-written, and goes on when there is room', async () => {
      const path = join(mounted, 'store');
      const store = await Store.init(path, { packSize: 64 * 1024 });
      const first = image(1, 100);
      const { id } = await put(store, first);
      // The disk fills up at another write each time.
      for (let free = 0; free < 12; free++) {
        const ballast = join(mounted, 'ballast');
        await writeFile(ballast, Buffer.alloc(3 * 1024 * 1024)).catch(() => undefined);
        await rm(ballast);
        const used = 2500 - free * 41 - 420;
        await writeFile(ballast, Buffer.alloc(used * 1024)).catch(() => undefined);
        await expect(put(store, image(free + 2, 300))).rejects.toMatchObject({ code: 'ENOSPC' });
        await rm(ballast);
        expect((await store.list()).checkpoints.map((manifest) => manifest.id)).toEqual([id]);
        expect((await exported(store, id)).equals(first)).toBe(true);
        expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
        expect((await store.gc()).waitingFor).toEqual([]);
      }
      const later = image(99, 300);
      const { id: laterId } = await put(store, later);
      expect((await exported(store, laterId)).equals(later)).toBe(true);
    });
});
