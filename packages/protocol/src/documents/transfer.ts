import { randomBytes } from 'node:crypto';
import type { Connection } from '../connection/connection.js';
import { exchange, type RequestOptions } from '../connection/request.js';
import { worker } from '../messages/endpoints.js';
import { messageBytes } from '../schema/json-message.js';
import { type DocumentRef, INLINE_BYTES } from './document.js';
import { documentOf, pagesOf } from './pages.js';

/** Pages that are under way at once. */
const AHEAD = 4;

/** Brings a document to a worker, for the request that follows. @throws as request(); E2BIG it is too large */
export async function sendDocument(
  connection: Connection,
  workerId: string,
  value: object,
  options: RequestOptions = {},
): Promise<DocumentRef> {
  const json = messageBytes(value);
  if (json.length <= INLINE_BYTES) return { value };
  const pages = await pagesOf(json);
  const document = randomBytes(8).toString('hex');
  const endpoint = worker(workerId).document;
  await eachOf(pages.length, async (page) => {
    const body = { document, page, pages: pages.length };
    await exchange(connection, endpoint, body, { ...options, payload: pages[page]! });
  });
  return { document, pages: pages.length };
}

/** Fetches a document that a worker's reply names. @throws as request(); EBADMSG it cannot be read */
export async function fetchDocument(
  connection: Connection,
  workerId: string,
  ref: DocumentRef,
  options: RequestOptions = {},
): Promise<object> {
  if ('value' in ref) return ref.value;
  const { document, pages: count } = ref;
  const endpoint = worker(workerId).page;
  const pages: Uint8Array[] = [];
  await eachOf(count, async (page) => {
    const { payload } = await exchange(connection, endpoint, { document, page }, options);
    pages[page] = payload;
  });
  return documentOf(pages);
}

/** Does something for each page, a few at once. The first failure ends it. */
async function eachOf(count: number, work: (page: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      try {
        await work(next++);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AHEAD, count) }, lane));
}
