import { existsSync } from 'node:fs';
import { CkptError, isCkptError } from '@ckptree/errors';
import type { Manifest, Store, StoredImage } from '@ckptree/store';
import { ofCluster, withStore } from './open-store.js';
import { type ImageChoice, storeFolder } from './store-options.js';

/**
 * Opens a checkpoint of the store for as long as `use` takes.
 * @throws ENOENT there is none, and no such file either; EINVAL several are meant
 */
export async function withStored<Result>(
  text: string,
  options: ImageChoice,
  use: (image: StoredImage) => Promise<Result>,
): Promise<Result> {
  const path = storeFolder(options);
  if (!existsSync(path)) throw neither(text, path);
  return withStore(options, { threads: options.threads }, async (store) => {
    const { id } = await resolve(store, text, path);
    return use(await store.source(id));
  });
}

async function resolve(store: Store, text: string, path: string): Promise<Manifest> {
  try {
    return await store.resolve(text);
  } catch (error) {
    throw isCkptError(error) && error.code === 'ENOENT' ? neither(text, path) : error;
  }
}

const neither = (text: string, path: string): CkptError =>
  new CkptError(
    'ENOENT',
    existsSync(path)
      ? `there is no file ${text}, and no such checkpoint in the store ${path}${ofCluster()}`
      : `there is no file ${text}, and no store ${path} that could have such a checkpoint${ofCluster()}`,
    { path: text },
  );
