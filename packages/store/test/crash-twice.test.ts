import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { realFileSystem, Store } from '@ckptree/store';
import { expect, test } from '@jest/globals';
import { imageOf, openStore } from './support/crash-scenarios.js';
import { Crash, CrashingFileSystem, InventedOwners } from './support/crashing-file-system.js';
import { exported, put, scratch } from './support/folder.js';
import { Durability, failPower } from './support/power-failure.js';

/** Does something with a store, and dies at the n-th change to the file system. @returns whether it came so far */
async function dieAtChange(
  at: number,
  path: string,
  durability: Durability,
  invented: InventedOwners,
  act: (store: Store) => Promise<unknown>,
) {
  let changes = 0;
  const owners = invented.next();
  const fileSystem = new CrashingFileSystem(durability, async () => {
    if (++changes >= at) throw new Crash('the process is dead');
  });
  const outcome = await openStore(path, fileSystem, owners)
    .then(act)
    .then(
      () => 'done',
      () => 'died',
    );
  owners.die();
  return outcome === 'died';
}

async function storeOne(store: Store): Promise<void> {
  const session = await store.begin();
  try {
    await session.importImage(bytesSource(imageOf(1)));
    await session.commit();
  } finally {
    await session.abort();
  }
}

test('what is committed survives a power failure, though it relies on packs of a process that was killed', async () => {
  const folder = await scratch('/dev/shm');
  for (let at = 1, died = true; died; at++) {
    const [path, invented] = [join(folder, `run${at}`), new InventedOwners()];
    const durability = new Durability(join(folder, `kept${at}`));
    await mkdir(path);
    await Store.init(path);
    died = await dieAtChange(at, path, durability, invented, storeOne);
    // The next one stores the same, and finds what is there already.
    const fileSystem = new CrashingFileSystem(durability, async () => undefined);
    const { id } = await put(await openStore(path, fileSystem, invented.next()), imageOf(1));
    failPower(durability.atRisk, 'garbage');
    const store = await openStore(path, realFileSystem, invented.next());
    expect((await exported(store, id)).equals(imageOf(1))).toBe(true);
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  }
});

test('a power failure brings nothing back that was collected, though whoever forgot it was killed', async () => {
  const folder = await scratch('/dev/shm');
  for (let at = 1, died = true; died; at++) {
    const [path, invented] = [join(folder, `run${at}`), new InventedOwners()];
    const durability = new Durability(join(folder, `kept${at}`));
    await mkdir(path);
    const { id } = await put(await Store.init(path), imageOf(1));
    died = await dieAtChange(at, path, durability, invented, (store) => store.forget([id]));
    const fileSystem = new CrashingFileSystem(durability, async () => undefined);
    await (await openStore(path, fileSystem, invented.next())).gc();
    // A file system that keeps no order may have brought all of it to the disk, but for this folder.
    const { unsynced, names } = durability.atRisk;
    const manifests = names.filter((change) => dirname(change.path) === join(path, 'manifests'));
    failPower({ unsynced, names: manifests }, 'garbage');
    const store = await openStore(path, realFileSystem, invented.next());
    expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  }
});
