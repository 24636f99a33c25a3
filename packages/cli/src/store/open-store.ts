import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asCkptError, at, CkptError, isCkptError, makeFolders } from '@ckptree/errors';
import { type InitOptions, type OpenOptions, poolEngine, Store } from '@ckptree/store';
import { givenSecrets, oneOf, secretsToOpen } from './secrets.js';
import { type StoreOptions, storeFolder } from './store-options.js';

export interface UseOptions {
  /** The store is made when it is not there yet. */
  readonly create?: boolean;
  /** Threads that hash and compress; as many as there are cores unless said. */
  readonly threads?: number | undefined;
  /** They give way to others, as tasks that go on meanwhile. */
  readonly givesWay?: boolean;
}

/**
 * Opens the store of a command for as long as `use` takes.
 * @throws ENOENT there is none; EPERM it is encrypted, and nothing that was given opens it; and what `use` throws
 */
export async function withStore<Result>(
  options: StoreOptions,
  how: UseOptions,
  use: (store: Store) => Promise<Result>,
): Promise<Result> {
  const store = await openStore(options, how);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** As withStore(); the caller closes it. Errors that name no file get the store's path. */
export async function openStore(options: StoreOptions, how: UseOptions): Promise<Store> {
  const path = storeFolder(options);
  try {
    return await openAt(path, options, how);
  } catch (error) {
    throw at(error, { path });
  }
}

async function openAt(
  path: string,
  options: StoreOptions,
  { create = false, threads, givesWay = false }: UseOptions,
): Promise<Store> {
  const engine = poolEngine(threads, givesWay);
  const open = async () => Store.open(path, { engine, secrets: await secretsToOpen(options, path) });
  if (await isThere(path)) return open();
  if (!create)
    throw new CkptError(
      'ENOENT',
      `there is no store ${path} yet; the first checkpoint makes one, or \`ckptree store init\`${ofCluster(options)}`,
    );
  // Whoever gives a secret wants it used.
  const secret = oneOf(await givenSecrets(options));
  try {
    return await makeStore(path, { engine, ...(secret !== undefined && { secret }) });
  } catch (error) {
    // Another process was quicker.
    if (isCkptError(error) && error.code === 'EEXIST') return open();
    throw error;
  }
}

/** Whoever talks to a cluster may mean its checkpoints, which this command has to be shown. */
export const ofCluster = ({ store }: StoreOptions): string =>
  store === undefined && process.env.NATS_URL
    ? '; for checkpoints of the cluster of NATS_URL give --store the folder of its store'
    : '';

/** Makes a store, and the folders above it. */
export async function makeStore(path: string, options: InitOptions & OpenOptions): Promise<Store> {
  await makeFolders(dirname(path));
  return Store.init(path, options);
}

/** An empty folder is no store yet; one with other things in it is not taken for a new one. */
async function isThere(path: string): Promise<boolean> {
  try {
    return (await readdir(path)).length > 0;
  } catch (error) {
    // Store.open says what is wrong with it.
    return asCkptError(error).code !== 'ENOENT' || existsSync(path);
  }
}
