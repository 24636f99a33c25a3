import { type Static, Type } from '@ckptree/schema';

/**
 * JSON of any size beside a message: a skeleton of a hundred thousand tasks, the recipes of a dump. A small one stands in
 * the message; a large one is gzipped and goes page by page through `worker.<id>.document` (to the worker, before the
 * request that names it) or `worker.<id>.page` (from it, after the reply that names it). What it must look like is for
 * whoever uses it to check.
 */

export const DocumentId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The document.' });

/** Bytes of a document, gzipped. */
export const MAX_DOCUMENT = 64 * 2 ** 20;
/** Bytes of its JSON. */
export const MAX_DOCUMENT_JSON = 512 * 2 ** 20;
/** Bytes of a page: together with the JSON in its header it fits into what any server takes. */
export const PAGE_BYTES = 512 * 2 ** 10;
export const MAX_PAGES = MAX_DOCUMENT / PAGE_BYTES;
/** Bytes of JSON that are small enough to stand in a message. */
export const INLINE_BYTES = 128 * 2 ** 10;

export const PageNumber = Type.Integer({ minimum: 0, maximum: MAX_PAGES - 1, description: 'From 0.' });
export const PageCount = Type.Integer({ minimum: 1, maximum: MAX_PAGES, description: 'Pages in all.' });

/** What a message says of a document. */
export const DocumentRef = (description: string) =>
  Type.Union(
    [
      Type.Object({
        value: Type.Unsafe<object>({ type: 'object', description: 'The document itself.' }),
      }),
      Type.Object({
        document: DocumentId,
        pages: PageCount,
      }),
    ],
    { description },
  );
export type DocumentRef = Static<ReturnType<typeof DocumentRef>>;
