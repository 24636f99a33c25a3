import { isCkptError } from '@ckptree/errors';
import { FolderBackend, readConfig, type Secret, Store, type StoreConfig } from '@ckptree/store';

/** The folder of the store, which is made one if that is asked for. @throws ENOENT it is none */
export async function openStoreFolder(
  path: string,
  init: boolean,
  secrets: readonly Secret[],
): Promise<{ readonly folder: FolderBackend; readonly config: StoreConfig }> {
  const folder = await FolderBackend.open(path, { create: init });
  if (init) await makeStore(folder, secrets);
  return { folder, config: await readConfig(folder) };
}

async function makeStore(folder: FolderBackend, [secret]: readonly Secret[]): Promise<void> {
  if (await isStore(folder)) return;
  try {
    await (await Store.initBackend(folder, secret === undefined ? {} : { secret })).close();
  } catch (error) {
    if (!(isCkptError(error) && error.code === 'EEXIST')) throw error; // another service was faster
  }
}

async function isStore(folder: FolderBackend): Promise<boolean> {
  try {
    await readConfig(folder);
    return true;
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return false;
    throw error;
  }
}
