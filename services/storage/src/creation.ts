import { isCkptError } from '@ckptree/errors';
import {
  contentHash,
  type DraftContent,
  type FolderBackend,
  hexId,
  type ObjectDraft,
  type Owners,
  withLease,
} from '@ckptree/store';
import type { Admission } from './admission.js';
import type { StorageObserver } from './observer.js';

/** What a request says of the object that it creates, beside the content. */
export interface CreationRequest {
  readonly name: string;
  readonly lease?: string | undefined;
  readonly again?: boolean | undefined;
}

export interface CreationReply {
  readonly created: boolean;
  readonly same?: boolean;
}

export interface CreationComponents {
  readonly folder: FolderBackend;
  readonly owners: Owners;
  readonly admission: Admission;
  readonly observer: StorageObserver;
}

const PIECE = 1024 * 1024;

/** Gives a draft its name, once it is found to be what its name says. The draft is the caller's to close. */
export async function create(
  { folder, owners, admission, observer }: CreationComponents,
  { name, lease, again }: CreationRequest,
  draft: ObjectDraft,
  hash: () => Promise<string>,
): Promise<CreationReply> {
  const started = performance.now();
  await admission.content(name, draft);
  const commit = (): Promise<boolean> => draft.commit();
  const created = await (lease === undefined ? commit() : withLease(folder, owners, lease, commit));
  if (created) observer.stored(name, (performance.now() - started) / 1000);
  if (created || again !== true) return { created };
  return { created, same: (await hash()) === (await storedHash(folder, name, draft.size)) };
}

/** The hash of an object of this size that is in the store; undefined when there is none. */
async function storedHash(folder: FolderBackend, name: string, size: number): Promise<string | undefined> {
  try {
    // One byte more: a longer object is another one.
    const behind = await folder.read(name, size, 1);
    if (behind.length > 0) return undefined;
    return await hashOf({ size, read: (position, length) => folder.read(name, position, length) });
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** BLAKE3 of all of it. While a piece is hashed, the next one is read: into two buffers in turn, since fresh memory is slow. */
export async function hashOf({ size, read }: Pick<DraftContent, 'size' | 'read'>): Promise<string> {
  const hash = contentHash().begin();
  const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(PIECE, size)));
  const readAt = (at: number): Promise<Uint8Array> =>
    read(at, Math.min(PIECE, size - at), buffers[(at / PIECE) % 2]);
  let next = size > 0 ? readAt(0) : undefined;
  for (let at = PIECE; next !== undefined; at += PIECE) {
    const bytes: Uint8Array = await next;
    next = at < size ? readAt(at) : undefined;
    next?.catch(() => undefined); // thrown where it is awaited
    hash.update(bytes);
  }
  return hexId(hash.digest());
}
