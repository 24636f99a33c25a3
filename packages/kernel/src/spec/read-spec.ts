import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { at, CkptError } from '@ckptree/errors';
import { MAX_TEXT_BYTES } from './json-text.js';
import { parseSpec, type Spec } from './parse-spec.js';

/**
 * The spec in a file; its relative paths start from the file's folder.
 * @throws what parseSpec() throws, ENOENT and other errors of the system, all with the file's `path`
 */
export async function readSpec(path: string): Promise<Spec> {
  try {
    // Opening a pipe that nobody writes to would wait for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return parseSpec(await boundedText(file), { baseFolder: dirname(resolve(path)) });
    } finally {
      await file.close();
    }
  } catch (error) {
    throw at(error, { path });
  }
}

/** The whole text, but never more than the limit and one byte, whatever the file says of its size. */
async function boundedText(file: FileHandle): Promise<string> {
  if (!(await file.stat()).isFile()) throw new CkptError('EINVAL', 'a spec is a regular file');
  const chunks: Uint8Array[] = [];
  const stream = file.createReadStream({ end: MAX_TEXT_BYTES, autoClose: false });
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}
