import { randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';
import type { Connection } from '../connection/connection.js';
import { type Served, serve } from '../connection/serve.js';
import { worker } from '../messages/endpoints.js';
import { messageBytes } from '../schema/json-message.js';
import { type DocumentRef, INLINE_BYTES, PAGE_BYTES } from './document.js';
import { documentOf, pagesOf } from './pages.js';

export interface ShelfOptions {
  /** Bytes of all documents together, gzipped. Default 256 MiB. */
  readonly capacity?: number;
  /** A document that nobody asked for, or added to, for so long is given up. Default 2 minutes. */
  readonly keepMs?: number;
}

interface Shelved {
  readonly pages: (Uint8Array | undefined)[];
  bytes: number;
  timer: NodeJS.Timeout;
}

const CAPACITY = 256 * 2 ** 20;
const KEEP_MS = 120_000;

/** Documents that a worker is being sent, or that it has for others to fetch. Their sizes and lives are bounded. */
export class DocumentShelf {
  readonly #connection: Connection;
  readonly #capacity: number;
  readonly #keepMs: number;
  readonly #documents = new Map<string, Shelved>();
  readonly #served: readonly Served[];
  #bytes = 0;

  /** Serves `document` and `page` of this worker. */
  constructor(connection: Connection, workerId: string, options: ShelfOptions = {}) {
    this.#connection = connection;
    this.#capacity = options.capacity ?? CAPACITY;
    this.#keepMs = options.keepMs ?? KEEP_MS;
    const { document, page } = worker(workerId);
    this.#served = [
      serve(this.#connection, document, async (request, { payload }) => {
        this.#add(request, payload);
        return {};
      }),
      serve(this.#connection, page, async (request) => ({
        reply: {},
        payload: this.#page(request.document, request.page),
      })),
    ];
  }

  /** A document for others: in the message if it is small, else to be fetched within some time. @throws E2BIG, EAGAIN */
  async offer(value: object): Promise<DocumentRef> {
    const json = messageBytes(value);
    if (json.length <= INLINE_BYTES) return { value };
    const pages = await pagesOf(json);
    const document = randomBytes(8).toString('hex');
    for (const [page, bytes] of pages.entries()) this.#add({ document, page, pages: pages.length }, bytes);
    return { document, pages: pages.length };
  }

  /** The document that a request names. It may be taken again, as the request may come again. @throws EINVAL, EBADMSG */
  async take(ref: DocumentRef): Promise<object> {
    if ('value' in ref) return ref.value;
    const pages = Array.from({ length: ref.pages }, (_, page) => this.#page(ref.document, page));
    return documentOf(pages);
  }

  async close(): Promise<void> {
    await Promise.all(this.#served.map((served) => served.stop()));
    for (const id of [...this.#documents.keys()]) this.#drop(id);
  }

  #add(
    { document, page, pages }: { readonly document: string; readonly page: number; readonly pages: number },
    content: Uint8Array,
  ): void {
    const shelved = this.#documents.get(document) ?? this.#begin(document, pages);
    if (shelved.pages.length !== pages || page >= pages)
      throw new CkptError(
        'EINVAL',
        `document ${document} has ${shelved.pages.length} pages; this is page ${page} of ${pages}`,
        {
          field: '/pages',
        },
      );
    if (content.length > PAGE_BYTES)
      throw new CkptError(
        'E2BIG',
        `a page of a document has ${content.length} bytes; at most ${PAGE_BYTES} are taken`,
      );
    this.#keep(document, shelved);
    if (shelved.pages[page] !== undefined) return;
    if (this.#bytes + content.length > this.#capacity)
      throw new CkptError('EAGAIN', `documents of ${this.#bytes} bytes are under way; try again`);
    shelved.pages[page] = content;
    shelved.bytes += content.length;
    this.#bytes += content.length;
  }

  #page(document: string, page: number): Uint8Array {
    const shelved = this.#documents.get(document);
    const content = shelved?.pages[page];
    if (shelved === undefined || content === undefined)
      throw new CkptError(
        'ENOENT',
        `page ${page} of document ${document} is not here (any more); begin again`,
        {
          field: '/document',
        },
      );
    this.#keep(document, shelved);
    return content;
  }

  #begin(document: string, pages: number): Shelved {
    const shelved = {
      pages: Array.from({ length: pages }, () => undefined),
      bytes: 0,
      timer: this.#timer(document),
    };
    this.#documents.set(document, shelved);
    return shelved;
  }

  #keep(document: string, shelved: Shelved): void {
    clearTimeout(shelved.timer);
    shelved.timer = this.#timer(document);
  }

  #timer(document: string): NodeJS.Timeout {
    return setTimeout(() => this.#drop(document), this.#keepMs).unref();
  }

  #drop(document: string): void {
    const shelved = this.#documents.get(document);
    if (shelved === undefined) return;
    clearTimeout(shelved.timer);
    this.#documents.delete(document);
    this.#bytes -= shelved.bytes;
  }
}
