import { existsSync } from 'node:fs';
import { CkptError, isCkptError } from '@ckptree/errors';
import type { Manifest, Store, StoredImage } from '@ckptree/store';
import { ofCluster, withStore } from './open-store.js';
import { type ImageChoice, type StoreOptions, storeFolder } from './store-options.js';

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
  const neither = (what: string): CkptError => {
    const sentence = `there is no file ${text}, and no ${what}${ofCluster(options)}`;
    return new CkptError('ENOENT', sentence, { path: text });
  };
  if (!existsSync(path)) throw neither(`store ${path} that could have such a checkpoint`);
  return withStore(options, { threads: options.threads }, async (store) => {
    const { id } = await resolveOr(neither(`such checkpoint in the store ${path}`), store, text);
    return use(await store.source(id));
  });
}

/** The checkpoint of the store that is meant. @throws ENOENT there is none; EINVAL several are meant */
export function resolve(store: Store, text: string, options: StoreOptions): Promise<Manifest> {
  const elsewhere = ofCluster(options) || '; `ckptree ls` shows those that it has';
  const none = `the store ${storeFolder(options)} has no checkpoint ${text}${elsewhere}`;
  return resolveOr(new CkptError('ENOENT', none), store, text);
}

async function resolveOr(none: CkptError, store: Store, text: string): Promise<Manifest> {
  try {
    return await store.resolve(text);
  } catch (error) {
    throw isCkptError(error) && error.code === 'ENOENT' ? none : error;
  }
}
