import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { asCkptError, CkptError } from '@ckptree/errors';
import { parseMessage } from '../schema/json-message.js';
import { MAX_DOCUMENT, MAX_DOCUMENT_JSON, PAGE_BYTES } from './document.js';

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** JSON as gzipped pages. @throws E2BIG it is too large */
export async function pagesOf(json: Uint8Array): Promise<Uint8Array[]> {
  const bytes =
    json.length > MAX_DOCUMENT_JSON ? json : await compress(json, { level: constants.Z_BEST_SPEED });
  if (bytes.length > MAX_DOCUMENT)
    throw new CkptError('E2BIG', `a document of ${json.length} bytes is too large to be sent`);
  const pages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) pages.push(bytes.subarray(at, at + PAGE_BYTES));
  return pages;
}

/** The document back from its pages. @throws EBADMSG they are none; E2BIG it is too large */
export async function documentOf(pages: readonly Uint8Array[]): Promise<object> {
  const what = 'the document';
  try {
    const json = await decompress(Buffer.concat(pages), { maxOutputLength: MAX_DOCUMENT_JSON });
    const value = parseMessage(json, what);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    const { code, message } = asCkptError(error);
    const tooLarge = code === 'E2BIG' || (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new CkptError(tooLarge ? 'E2BIG' : 'EBADMSG', `${what} cannot be read: ${message}`, {}, error);
  }
  throw new CkptError('EBADMSG', `${what} is not an object`);
}
