import { CkptError, isCkptError } from '@ckptree/errors';

/**
 * What a store stands on: named, immutable objects. Nothing more is asked than what a folder and an object store (S3)
 * both give. Every implementation passes the conformance suite in test/support.
 */
export interface ObjectBackend {
  /** Where it is, for messages. */
  readonly location: string;
  /**
   * Creates the object, whole and durable, unless one of that name exists: a reader sees all of it or none.
   * @param content the bytes, in parts
   * @param lease   name of the caller's lease, when only that lease makes it safe to create the object. Whoever creates
   *                it in another process than the caller's must use withLease(), for the caller may be dead by then
   * @returns false when the name was taken; that object stays as it is
   * @throws ENOSPC nothing of it is left behind
   */
  put(name: string, content: readonly Uint8Array[], lease?: string): Promise<boolean>;
  /** As put(), but piece by piece; absent where objects are sent whole. Whoever takes it closes it. */
  draft?(name: string): Promise<GrowingObject>;
  /**
   * Up to `length` bytes at `position`; fewer only at the end, none behind it.
   * @throws ENOENT there is no such object
   */
  read(name: string, position: number, length: number): Promise<Uint8Array>;
  /**
   * Opens an object that is a file of this host, so that any thread of the process can read it; absent when objects are
   * no files. What is open can be read to its end, whoever deletes it meanwhile.
   * @throws ENOENT there is no such object
   */
  open?(name: string): Promise<OpenObject>;
  /**
   * Objects of a kind (`packs`), ascending by name. What was put before the call is in it.
   * @param remembers those that an earlier call has found need not be looked at again: objects do not change
   */
  list(kind: string, remembers?: boolean): Promise<ObjectInfo[]>;
  /**
   * Does nothing when there is no such object. A checkpoint or a key is gone for good when it resolves, also after a crash, and
   * so are those of its kind that were gone before.
   */
  delete(name: string): Promise<void>;
  /** Removes what writers left that died while they were putting an object. */
  cleanUp?(): Promise<void>;
  /** What lies among the objects of a kind and is none. */
  strays?(kind: string): Promise<string[]>;
}

/** Bytes of an object, with their BLAKE3 hash where that is known anyway: whoever has to prove what was written need not hash them. */
export type ObjectPart = Uint8Array | { readonly bytes: Uint8Array; readonly hash: Uint8Array };

export const partBytes = (part: ObjectPart): Uint8Array => (part instanceof Uint8Array ? part : part.bytes);

/** An object on its way into a store: nobody sees anything of it before commit(). Closing it otherwise drops it. */
export interface GrowingObject {
  /** Appends, one part behind the other; one call at a time. They are read until it resolves. @throws ENOSPC, EIO */
  write(...parts: readonly ObjectPart[]): Promise<void>;
  /** Of what was written: up to `length` bytes at `position`. */
  read(position: number, length: number): Promise<Uint8Array>;
  /**
   * Creates the object, durable, unless one of that name exists.
   * @returns false when the name was taken; that object stays as it is
   */
  commit(): Promise<boolean>;
  /** Gives back what it holds, committed or not. */
  close(): Promise<void>;
}

export interface OpenObject {
  /** Host descriptor, to be read from by position. */
  readonly fd: number;
  close(): Promise<void>;
}

export interface ObjectInfo {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** `kind/name`, or a single word for what there is one of. One level, so that nothing can climb out of the store. */
const OBJECT_NAME = /^(?:[a-z]{1,32}\/)?[a-z0-9][a-z0-9._-]{0,199}$/;

export const isObjectName = (name: string): boolean => OBJECT_NAME.test(name);

/** @throws EINVAL the name is not one of the form `kind/name` */
export function checkObjectName(name: string): void {
  if (!isObjectName(name))
    throw new CkptError('EINVAL', `${JSON.stringify(name)} is not a name that an object of a store may have`);
}

/** Whether an object is there. */
export async function objectExists(backend: ObjectBackend, name: string): Promise<boolean> {
  try {
    await backend.read(name, 0, 0);
    return true;
  } catch (error) {
    if (isCkptError(error) && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Bytes: most objects that are read as a whole are smaller, and one call gets them. */
const FIRST_PIECE = 1024 * 1024;

/**
 * A whole object.
 * @param limit bytes; a larger object is refused before it is read
 * @throws ENOENT there is none; E2BIG it is larger
 */
export async function readObject(backend: ObjectBackend, name: string, limit: number): Promise<Uint8Array> {
  const piece = Math.min(FIRST_PIECE, limit + 1);
  const first = await backend.read(name, 0, piece);
  if (first.length < piece) return first;
  if ((await backend.read(name, limit, 1)).length > 0)
    throw new CkptError(
      'E2BIG',
      `${backend.location}/${name} is larger than the ${limit} bytes it may have`,
      { path: name },
    );
  return backend.read(name, 0, limit);
}
