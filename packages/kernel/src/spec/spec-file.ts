import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { at, CkptError } from '@ckptree/errors';
import { MAX_TEXT_BYTES, parseJson } from './json-text.js';

/**
 * What the file of a spec says, for whoever has it parsed elsewhere: it need be no more than JSON.
 * @throws E2BIG a limit of specs is passed; EINVAL not JSON; ENOENT and other errors of the system; all with the file's `path`
 */
export const readSpecDocument = (path: string): Promise<unknown> => parseFile(path, parseJson);

/** @throws what `parse` throws, and errors of the system, all with the file's `path` */
export async function parseFile<Document>(
  path: string,
  parse: (text: string) => Document,
): Promise<Document> {
  try {
    // Opening a pipe that nobody writes to would wait for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return parse(await boundedText(file));
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
