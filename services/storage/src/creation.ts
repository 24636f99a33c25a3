import { isCkptError } from '@ckptree/errors';
import {
  contentHash,
  type DraftContent,
  type FolderBackend,
  hashInParts,
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

/** What a content is known by. */
export interface Fingerprint {
  /** See hashOf(). */
  readonly hash: string;
  readonly parts?: readonly number[] | undefined;
}

/**
 * Gives a draft its name, once it is found to be what its name says. The draft is the caller's to close.
 * @param fingerprint of the draft
 */
export async function create(
  { folder, owners, admission, observer }: CreationComponents,
  { name, lease, again }: CreationRequest,
  draft: ObjectDraft,
  fingerprint: () => Promise<Fingerprint>,
): Promise<CreationReply> {
  const started = performance.now();
  await admission.content(name, draft);
  const commit = (): Promise<boolean> => draft.commit();
  const created = await (lease === undefined ? commit() : withLease(folder, owners, lease, commit));
  if (created) observer.stored(name, (performance.now() - started) / 1000);
  if (created || again !== true) return { created };
  const { hash, parts } = await fingerprint();
  return { created, same: hash === (await storedHash(folder, name, draft.size, parts)) };
}

/** The hash of an object of this size that is in the store; undefined when there is none. */
async function storedHash(
  folder: FolderBackend,
  name: string,
  size: number,
  parts: readonly number[] | undefined,
): Promise<string | undefined> {
  try {
    // One byte more: a longer object is another one.
    const behind = await folder.read(name, size, 1);
    if (behind.length > 0) return undefined;
    return await hashOf({ size, read: (position, length) => folder.read(name, position, length) }, parts);
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * BLAKE3 of all of it, or of the hashes of its parts. While a piece is hashed, the next one is read: into two buffers in turn, since
 * fresh memory is slow.
 * @param parts bytes of each
 */
export async function hashOf(
  { size, read }: Pick<DraftContent, 'size' | 'read'>,
  parts?: readonly number[],
): Promise<string> {
  const hash = parts === undefined ? contentHash().begin() : hashInParts(parts);
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
