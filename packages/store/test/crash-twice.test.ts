import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { realFileSystem, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { imageOf, openStore } from './support/crash-scenarios.js';
import { Crash, CrashingFileSystem, InventedOwners } from './support/crashing-file-system.js';
import { exported, put, scratch } from './support/folder.js';
import { Durability, failPower } from './support/power-failure.js';

/** Stores an image, and dies at the n-th change to the file system. @returns whether it came so far */
async function dieAtChange(at: number, path: string, durability: Durability, invented: InventedOwners) {
  let changes = 0;
  const owners = invented.next();
  const fileSystem = new CrashingFileSystem(durability, async () => {
    if (++changes >= at) throw new Crash('the process is dead');
  });
  const outcome = await openStore(path, fileSystem, owners)
    .then(async (store) => {
      const session = await store.begin();
      try {
        await session.importImage(bytesSource(imageOf(1)));
        await session.commit();
      } finally {
        await session.abort();
      }
    })
    .then(
      () => 'done',
      () => 'died',
    );
  owners.die();
  return outcome === 'died';
}

test('what is committed survives a power failure, though it relies on packs of a process that was killed', async () => {
  const folder = await scratch('/dev/shm');
  for (let at = 1, died = true; died; at++) {
    const [path, invented] = [join(folder, `run${at}`), new InventedOwners()];
    const durability = new Durability(join(folder, `kept${at}`));
    await mkdir(path);
    await Store.init(path);
    died = await dieAtChange(at, path, durability, invented);
    // The next one stores the same, and finds what is there already.
    const fileSystem = new CrashingFileSystem(durability, async () => undefined);
    const { id } = await put(await openStore(path, fileSystem, invented.next()), imageOf(1));
    failPower(durability.atRisk, 'garbage');
    const store = await openStore(path, realFileSystem, invented.next());
    expect((await exported(store, id)).equals(imageOf(1))).toBe(true);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  }
});
