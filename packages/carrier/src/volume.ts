import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asCkptError, at, CkptError } from '@ckptree/errors';

/** A file in the folder of a store with a random text: who reads the same text has the same folder before him. */
const MARK_FILE = '.volume';
const MARK = /^[0-9a-f]{32}$/;

/** @returns undefined when the folder has none */
export async function readVolumeMark(folder: string): Promise<string | undefined> {
  try {
    const mark = (await readFile(join(folder, MARK_FILE), 'latin1')).trim();
    return MARK.test(mark) ? mark : undefined;
  } catch (error) {
    const known = asCkptError(error);
    if (known.code === 'ENOENT') return undefined;
    throw at(known, { path: folder });
  }
}

/**
 * The mark of a folder, which gets one when it has none. Several services may do so at once: it gets its name when it is whole, and
 * the first one stays.
 */
export async function ensureVolumeMark(folder: string): Promise<string> {
  const mark = randomBytes(16).toString('hex');
  const path = join(folder, MARK_FILE);
  const draft = `${path}.${mark}`;
  try {
    await writeFile(draft, `${mark}\n`, { flag: 'wx', mode: 0o644 });
    await link(draft, path);
    return mark;
  } catch (error) {
    if (asCkptError(error).code !== 'EEXIST') throw at(error, { path: folder });
  } finally {
    await rm(draft, { force: true });
  }
  const known = await readVolumeMark(folder);
  if (known !== undefined) return known;
  throw new CkptError('EBADMSG', `${path} is damaged: remove it, and start all storage services again`, {
    path,
  });
}
