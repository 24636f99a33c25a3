import { CkptError } from '@ckptree/errors';
import type { Handler, storage } from '@ckptree/protocol';
import type { DraftContent } from '@ckptree/store';
import type { ByteBudget } from './byte-budget.js';
import {
  type CreationComponents,
  type CreationReply,
  type CreationRequest,
  create,
  type Fingerprint,
  hashOf,
} from './creation.js';
import { Gate } from './gate.js';
import { Outbox } from './outbox.js';

type HandlerOf<Verb extends keyof typeof storage> = Handler<(typeof storage)[Verb]['definition']>;

export interface ObjectLimits {
  /** Bytes of one read: what a message holds, for a client asks any instance, and goes by what one of them told. */
  readonly readBytes: number;
  /** Waits until what was sent has left this process: answers must not pile up in it. */
  readonly flush: () => Promise<void>;
}

/** Bytes that are read and may not have left yet. */
const UNSENT_LIMIT = 8 * 1024 * 1024;
const READS = { places: 4, queue: 2048 };
const PUTS = { places: 16, queue: 1024 };
/** Each reads and hashes a whole pack. */
const ADOPTIONS = { places: 2, queue: 256 };
/** Names and sizes that fit a message, however long the names are. */
const LIST_LIMIT = 2000;

/** What is asked of single objects, each request by itself. */
export interface ObjectRequests {
  readonly read: HandlerOf<'read'>;
  readonly list: HandlerOf<'list'>;
  readonly delete: HandlerOf<'delete'>;
  readonly put: HandlerOf<'put'>;
  readonly adopt: HandlerOf<'adopt'>;
}

export function objectRequests(
  components: CreationComponents,
  budget: ByteBudget,
  { readBytes, flush }: ObjectLimits,
): ObjectRequests {
  const { folder, admission, observer } = components;
  const gates = {
    read: new Gate('reads', READS.places, READS.queue),
    list: new Gate('lists', READS.places, READS.queue),
    put: new Gate('puts', PUTS.places, PUTS.queue),
    adopt: new Gate('claim checks', ADOPTIONS.places, ADOPTIONS.queue),
  };
  const outbox = new Outbox(UNSENT_LIMIT, flush);

  const put = async (request: CreationRequest, payload: Uint8Array): Promise<CreationReply> => {
    const content = bytesContent(payload);
    admission.name(request.name, payload.length);
    admission.lease(request.name, request.lease);
    const draft = await folder.draft(request.name);
    try {
      await draft.write(payload);
      observer.received(payload.length);
      return await create(components, request, draft, async () => ({ hash: await hashOf(content) }));
    } finally {
      await draft.close();
    }
  };

  return {
    read: ({ name, position, length }) =>
      gates.read.run(async () => {
        if (length > readBytes)
          throw new CkptError('E2BIG', `at most ${readBytes} bytes are read at once, not ${length}`, {
            field: '/length',
          });
        await outbox.take(length);
        const payload = await folder.read(name, position, length);
        observer.sent(payload.length);
        return { reply: {}, payload };
      }),

    list: ({ kind, after = '', limit = LIST_LIMIT }) =>
      gates.list.run(async () => {
        const { objects, more } = await folder.listPage(kind, after, Math.min(limit, LIST_LIMIT));
        return { objects: [...objects], more };
      }),

    delete: async ({ name }) => {
      await admission.deletion(name);
      await folder.delete(name);
      return {};
    },

    put: (request, { payload }) =>
      budget.hold(payload.length, () => gates.put.run(() => put(request, payload))),

    adopt: ({ incoming, size, hash, parts, ...request }) =>
      gates.adopt.run(async () => {
        try {
          const reply = await adopt(components, request, { incoming, size, hash, parts });
          observer.adopted(size);
          return reply;
        } catch (error) {
          observer.refused();
          throw error;
        }
      }),
  };
}

interface Claim extends Fingerprint {
  readonly incoming: string;
  readonly size: number;
}

async function adopt(
  components: CreationComponents,
  request: CreationRequest,
  { incoming, size, hash, parts }: Claim,
): Promise<CreationReply> {
  const { folder, admission } = components;
  admission.name(request.name, size);
  admission.lease(request.name, request.lease);
  if (parts !== undefined && parts.reduce((sum, bytes) => sum + bytes, 0) !== size)
    throw new CkptError('EINVAL', `the parts of ${incoming} do not make up its ${size} bytes`, {
      field: '/parts',
    });
  const draft = await folder.adopt(request.name, incoming);
  try {
    if (draft.size !== size)
      throw new CkptError('EIO', `${incoming} has ${draft.size} bytes, not the ${size} that were claimed`, {
        field: '/size',
      });
    const content: DraftContent = { size, read: (...args) => draft.read(...args) };
    if ((await hashOf(content, parts)) !== hash)
      throw new CkptError('EIO', `${incoming} has another hash than was claimed`, { field: '/hash' });
    return await create(components, request, draft, async () => ({ hash, parts }));
  } finally {
    await draft.close();
  }
}

const bytesContent = (bytes: Uint8Array): DraftContent => ({
  size: bytes.length,
  read: async (position, length) => bytes.subarray(position, position + length),
});
