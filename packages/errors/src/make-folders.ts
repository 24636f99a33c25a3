import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { cannot } from './ckpt-error.js';

const OWNER_ONLY = 0o700;

/**
 * Makes a folder, and those above it that are missing, for their owner alone. (`recursive` of Node 20 tries for ever where a folder
 * is there and takes no other, as /proc.)
 * @throws what the system says, of the folder that cannot be made
 */
export async function makeFolders(path: string): Promise<void> {
  const above = dirname(resolve(path));
  if (await isFolder(path)) return;
  if (!(await isFolder(above))) await makeFolders(above);
  try {
    await mkdir(path, OWNER_ONLY);
  } catch (error) {
    // Somebody else may have been quicker.
    if (!(await isFolder(path))) throw cannot('make the folder', path, error);
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
