import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type FileSystem, FolderBackend, type Owners, realFileSystem, Store } from '@ckptree/store';
import { describe, expect, test } from '@jest/globals';
import { CrashingFileSystem, InventedOwners, type Torn } from './support/crashing-file-system.js';
import { exported, put, scratch } from './support/folder.js';
import { buildImage, pages } from './support/image.js';

const image = (seed: number, count = 40) =>
  buildImage([{ pid: 1, ppid: 0, pages: pages(count, (index) => index + seed * 1000) }], BigInt(seed));

const OPTIONS = { packSize: 64 * 1024 };

async function open(path: string, fileSystem: FileSystem, owners: Owners): Promise<Store> {
  return Store.openBackend(await FolderBackend.open(path, { fileSystem, owners }), { ...OPTIONS, owners });
}

interface Prepared {
  readonly path: string;
  /** What must be there afterwards, by id. */
  readonly committed: Map<string, Buffer>;
  readonly images: ReadonlyMap<string, Buffer>;
}

/** A store with two checkpoints and some garbage. */
async function prepare(path: string): Promise<Prepared> {
  const store = await Store.init(path, OPTIONS);
  const committed = new Map<string, Buffer>();
  for (const seed of [1, 2])
    committed.set((await put(store, image(seed), { name: `n${seed}` })).id, image(seed));
  const forgotten = await put(store, image(3));
  await store.forget([forgotten.id]);
  return { path, committed, images: committed };
}

/** A scenario says which checkpoints it was told are committed or forgotten, as it goes. */
type Scenario = (store: Store, state: Prepared) => Promise<void>;

const scenarios: Record<string, Scenario> = {
  'put and commit': async (store, { committed }) => {
    const content = image(4);
    const session = await store.begin({ name: 'n1' });
    await session.importImage(bytesSource(content));
    const { id } = await session.commit();
    committed.set(id, content);
  },
  'forget and gc': async (store, { committed }) => {
    const [first] = [...committed.keys()];
    // From here on it may be gone or not.
    committed.delete(first!);
    await store.forget([first!]);
    await store.gc();
  },
  repair: async (store) => {
    await store.repair();
  },
};

async function checkGuarantee(
  { path, committed }: Prepared,
  attempted: ReadonlyMap<string, Buffer>,
  owners: Owners,
): Promise<void> {
  const store = await open(path, realFileSystem, owners);
  const { checkpoints, damaged } = await store.list();
  expect(damaged).toEqual([]);
  const listed = new Set(checkpoints.map(({ id }) => id));
  for (const [id, content] of committed) {
    expect(listed.has(id)).toBe(true);
    expect((await exported(store, id)).equals(content)).toBe(true);
  }
  // A checkpoint whose commit was cut short may be there; then all of it is.
  for (const id of listed) if (!committed.has(id)) expect(attempted.size).toBeGreaterThan(0);
  expect(await store.verify({ readData: true })).toMatchObject({ ok: true });
  // The store goes on as if nothing had been: it takes checkpoints, and cleans up by itself.
  const again = await put(store, image(9));
  const collected = await store.gc();
  expect(collected.waitingFor).toEqual([]);
  expect((await exported(store, again.id)).equals(image(9))).toBe(true);
  for (const [id, content] of committed) expect((await exported(store, id)).equals(content)).toBe(true);
  expect(await realFileSystem.readdir(join(path, 'tmp'))).toEqual([]);
  expect(await realFileSystem.readdir(join(path, 'leases'))).toEqual([]);
  expect(await realFileSystem.readdir(join(path, 'condemned'))).toEqual([]);
}

describe('a crash at any call to the file system', () => {
  for (const [name, scenario] of Object.entries(scenarios))
    test(`${name}: loses nothing that was acknowledged, and the next start cleans up`, async () => {
      const folder = await scratch('/dev/shm');
      const template = await prepare(join(folder, 'template'));
      const torns: Torn[] = ['half', 'empty', 'garbage', 'whole'];
      const covered = new Set<string>();
      for (let crashAt = 1, done = false; !done; crashAt++) {
        const path = join(folder, `run${crashAt}`);
        await mkdir(path);
        await cp(template.path, path, { recursive: true });
        const state = { ...template, path, committed: new Map(template.committed) };
        const invented = new InventedOwners();
        const owners = invented.next();
        const fileSystem = new CrashingFileSystem(crashAt, torns[crashAt % torns.length]!);
        try {
          const store = await open(path, fileSystem, owners);
          await scenario(store, state);
          done = !fileSystem.crashed;
        } catch (error) {
          if (!fileSystem.crashed) throw error;
        }
        owners.die();
        for (const call of fileSystem.log) covered.add(call);
        await checkGuarantee(state, template.images, invented.next());
      }
      expect([...covered].sort()).toEqual(['create', 'link', 'mkdir', 'sync', 'unlink', 'write']);
    });
});
