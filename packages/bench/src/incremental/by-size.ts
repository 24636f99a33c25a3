import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { poolEngine, Store } from '@ckptree/store';
import { isThere } from '../command.js';
import { inTurn, type Series, type Timing, timed } from '../measure.js';
import type { ScenarioOptions } from '../scenario.js';
import { exportTo } from '../store/ckptree.js';
import { RESTIC, restic } from '../store/peers.js';
import { FrozenTree, NAME } from '../tree/frozen-tree.js';

/** What checkpoints of one size of memory took. */
export interface BySize {
  readonly memoryMiB: number;
  readonly full: Series;
  readonly some: Series;
  readonly none: Series;
  /** Of restic, when it is there: of a file with the same image. */
  readonly peer?: { readonly some: Series; readonly none: Series };
  /** Bytes that a full one takes, and that each of 1 % added. */
  readonly fullBytes: number;
  readonly someBytes: readonly number[];
}

/** Full ones, with 1 % of the pages written, and unchanged; beside restic. */
export async function measureSize(
  memoryMiB: number,
  { folder, runs, tell }: ScenarioOptions,
): Promise<BySize> {
  tell(`filling ${memoryMiB} MiB`);
  const tree = await FrozenTree.spawn(memoryMiB);
  const path = join(folder, 'store');
  const image = join(folder, 'image');
  const store = await Store.init(path, { engine: poolEngine() });
  try {
    const whole = await tree.checkpoint(store);
    const someBytes: number[] = [];
    const some = async (): Promise<Timing> => {
      await tree.write(tree.pages * 0.01);
      return timed(async () => {
        someBytes.push((await tree.checkpoint(store)).sizes.stored);
      });
    };
    const none = () => timed(() => tree.checkpoint(store));
    tell(`taking ${runs + 1} checkpoints of each kind`);
    const own = await inTurn(runs, { full: () => fullOne(tree, join(folder, 'fresh')), some, none });
    const peer = isThere(RESTIC, tell) ? await measurePeer(tree, store, image, { folder, runs }) : undefined;
    const fullBytes = whole.sizes.stored;
    return { memoryMiB, ...own, ...(peer && { peer }), fullBytes, someBytes: someBytes.slice(1) };
  } finally {
    await store.close();
    await tree.end();
    for (const each of [path, image]) await rm(each, { recursive: true, force: true });
  }
}

/** Into a store that has nothing. */
async function fullOne(tree: FrozenTree, path: string): Promise<Timing> {
  await rm(path, { recursive: true, force: true });
  const store = await Store.init(path, { engine: poolEngine() });
  try {
    return await timed(() => tree.checkpoint(store));
  } finally {
    await store.close();
    await rm(path, { recursive: true });
  }
}

/** restic, backing up a file that holds the image at each of the same instants. */
async function measurePeer(
  tree: FrozenTree,
  store: Store,
  image: string,
  { folder, runs }: Pick<ScenarioOptions, 'folder' | 'runs'>,
): Promise<{ readonly some: Series; readonly none: Series }> {
  const peer = restic(image, folder);
  await peer.fresh();
  await exportLast(store, image);
  await peer.put();
  return inTurn(runs, {
    some: async () => {
      await tree.write(tree.pages * 0.01);
      await tree.checkpoint(store);
      await exportLast(store, image);
      return peer.put();
    },
    none: async () => {
      await exportLast(store, image);
      return peer.put();
    },
  });
}

const exportLast = async (store: Store, path: string): Promise<void> =>
  exportTo(store, (await store.resolve(NAME)).id, path);
