import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesSource } from '@ckptree/image';
import { type FileSystem, FolderBackend, type Owners, Store, type StoreReport } from '@ckptree/store';
import { buildImage, page, pages } from './image.js';

const SECRET = { passphrase: 'first' };
const SECOND_SECRET = { keyFile: Buffer.alloc(32, 7) };
/** A small cost of scrypt, and packs that hold the pages of two tasks. */
const OPTIONS = { packSize: 25 * 1024, scryptCost: 2, secrets: async () => [SECRET] } as const;
const TASK_PAGES = 5;
const ALL_TASKS = [1, 2, 3, 4];

/** What somebody who may die at any time was told, one line each. */
export type Acknowledged =
  | { readonly kind: 'committed'; readonly id: string; readonly seed: number }
  | { readonly kind: 'forgetting'; readonly id: string }
  | { readonly kind: 'key added' }
  | { readonly kind: 'key removed' };

const images = new Map<string, Buffer>();

/** An image; those of two seeds have no page in common. Each is made once: there are thousands of runs. */
export function imageOf(seed: number, tasks = ALL_TASKS): Buffer {
  const key = `${seed} ${tasks}`;
  const known = images.get(key);
  if (known !== undefined) return known;
  const specs = tasks.map((task) => ({
    pid: task,
    ppid: task === 1 ? 0 : 1,
    pages: pages(TASK_PAGES, (index) => seed * 1000 + task * 100 + index),
  }));
  const image = buildImage(specs, BigInt(seed));
  images.set(key, image);
  return image;
}

/** Opens the store of a scenario. */
export async function openStore(path: string, fileSystem: FileSystem, owners: Owners): Promise<Store> {
  const backend = await FolderBackend.open(path, { fileSystem, owners });
  return Store.openBackend(backend, { ...OPTIONS, owners });
}

/** Something that may be cut short at every call to the file system. */
export interface CrashScenario {
  /** Makes a store. @returns the images of its checkpoints that are whole, by id */
  prepare(path: string): Promise<Map<string, Buffer>>;
  run(store: Store, ids: readonly string[], tell: (acknowledged: Acknowledged) => void): Promise<void>;
  /** Checkpoints that were damaged before, and are after. */
  readonly damagedBefore?: number;
  /** Checks what only this scenario can know. */
  check?(store: Store, told: readonly Acknowledged[], path: string): Promise<void>;
}

/** A store with two checkpoints and some garbage. */
async function prepareTwo(path: string): Promise<Map<string, Buffer>> {
  const store = await Store.init(path, OPTIONS);
  const committed = new Map<string, Buffer>();
  for (const seed of [1, 2]) committed.set(await putImage(store, imageOf(seed)), imageOf(seed));
  await store.forget([await putImage(store, imageOf(3))]);
  return committed;
}

async function putImage(store: Store, image: Buffer): Promise<string> {
  const session = await store.begin();
  await session.importImage(bytesSource(image));
  return (await session.commit()).id;
}

export const crashScenarios: Readonly<Record<string, CrashScenario>> = {
  'put and commit': {
    prepare: prepareTwo,
    async run(store, _ids, tell) {
      tell({ kind: 'committed', id: await putImage(store, imageOf(4)), seed: 4 });
    },
  },
  forget: {
    prepare: prepareTwo,
    async run(store, [first, second], tell) {
      for (const id of [first!, second!]) {
        // From here on it may be gone or not.
        tell({ kind: 'forgetting', id });
        await store.forget([id]);
      }
    },
  },
  gc: {
    async prepare(path) {
      // Packs that are all dead, and such of which every second chunk must be moved: the second needs it, too.
      const store = await Store.init(path, OPTIONS);
      const first = await putImage(store, imageOf(1));
      const image = imageOf(1, [1, 3]);
      const second = await putImage(store, image);
      await store.forget([first]);
      return new Map([[second, image]]);
    },
    async run(store) {
      const { rewrittenBytes } = await store.gc();
      if (rewrittenBytes === 0) throw new Error('nothing was moved');
    },
  },
  repair: {
    damagedBefore: 1,
    async prepare(path) {
      const committed = await prepareTwo(path);
      const [damaged] = committed.keys();
      await damagePage(path, page(1 * 1000 + 1 * 100 + 3));
      committed.delete(damaged!);
      return committed;
    },
    async run(store) {
      await store.repair();
    },
    async check(store) {
      // Whatever was cut short can be done again, and then nothing is wrong but what is lost for good.
      await store.repair();
      const { findings, damaged }: StoreReport = await store.verify({ readData: true });
      const lost = damaged.flatMap(({ lost: ranges }) => ranges);
      // The other chunk of the pack was saved.
      if (
        findings.length > 0 ||
        damaged.length !== 1 ||
        lost.some(({ pid }) => pid !== 1) ||
        lost.length === 0
      )
        throw new Error(`repaired, and still: ${JSON.stringify({ findings, damaged })}`);
    },
  },
  'key remove': {
    async prepare(path) {
      const store = await Store.init(path, { ...OPTIONS, secret: SECRET });
      await store.addKey(SECOND_SECRET, 'second');
      return new Map([[await putImage(store, imageOf(1)), imageOf(1)]]);
    },
    async run(store, _ids, tell) {
      await removeSecond(store);
      tell({ kind: 'key removed' });
    },
    async check(store, told, path) {
      const opened = await Store.open(path, { secrets: [SECOND_SECRET] }).catch(() => undefined);
      if (opened === undefined) return;
      if (told.length > 0) throw new Error('a key that was taken away is back');
      await removeSecond(store);
    },
  },
  'key add': {
    async prepare(path) {
      const store = await Store.init(path, { ...OPTIONS, secret: SECRET });
      return new Map([[await putImage(store, imageOf(1)), imageOf(1)]]);
    },
    async run(store, _ids, tell) {
      await store.addKey(SECOND_SECRET, 'second');
      tell({ kind: 'key added' });
    },
    async check(_store, told, path) {
      if (told.some(({ kind }) => kind === 'key added')) await Store.open(path, { secrets: [SECOND_SECRET] });
    },
  },
};

async function removeSecond(store: Store): Promise<void> {
  const second = (await store.keys()).find(({ label }) => label === 'second');
  await store.removeKey(second!.id);
}

/** Changes one byte of a page where it is stored. */
async function damagePage(path: string, content: Uint8Array): Promise<void> {
  for (const name of await readdir(join(path, 'packs'))) {
    const file = join(path, 'packs', name);
    const pack = await readFile(file);
    const at = pack.indexOf(content);
    if (at === -1) continue;
    pack[at]! ^= 1;
    await writeFile(file, pack);
    return;
  }
  throw new Error('no pack holds the page that is to be damaged');
}
