import { hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { CkptError, isCkptError } from '@ckptree/errors';
import { documentCheck, type Static, Type } from '@ckptree/schema';
import type { ObjectBackend } from './backend/object-backend.js';
import { decrypt, encrypt } from './cipher.js';
import { encodeDocument, readDocument } from './envelope.js';
import { isGone, isUnreadable } from './faults.js';
import { condemnedId, KIND, objectId, objectName } from './layout.js';

/** What a person opens an encrypted store with: a passphrase, or the content of a key file. */
export type Secret = { readonly passphrase: string } | { readonly keyFile: Uint8Array };

/** scrypt as RFC 7914 and OWASP recommend it for interactive use: 128 MiB, about half a second. */
const SCRYPT = { N: 2 ** 17, r: 8, p: 1 } as const;
/** A key object may ask for no more memory than this (128 * N * r bytes). */
const SCRYPT_MEMORY_LIMIT = 512 * 1024 * 1024;
const KEY_SIZE = 32;
const SALT_SIZE = 16;
/** Bytes: a key file must hold so much that nobody can guess it. */
const KEY_FILE_MIN = 32;

const Hex = (bytes: number) => Type.String({ pattern: `^[0-9a-f]{${2 * bytes}}$` });

const KeySchema = Type.Object(
  {
    /** Id of the store whose master key it holds: two processes may make the same one at once. The oldest keys do not say. */
    store: Type.Optional(Hex(16)),
    created: Type.String({ maxLength: 40 }),
    label: Type.String({ maxLength: 200 }),
    kdf: Type.Union([
      Type.Object(
        {
          type: Type.Literal('scrypt'),
          N: Type.Integer({ minimum: 2, maximum: 2 ** 22 }),
          r: Type.Integer({ minimum: 1, maximum: 32 }),
          p: Type.Integer({ minimum: 1, maximum: 16 }),
        },
        { additionalProperties: false },
      ),
      Type.Object({ type: Type.Literal('key-file') }, { additionalProperties: false }),
    ]),
    salt: Hex(SALT_SIZE),
    /** The master key, encrypted by what the secret derives to. */
    wrapped: Hex(KEY_SIZE + 28),
  },
  { additionalProperties: false },
);
type KeyDocument = Static<typeof KeySchema>;
const checkShape = documentCheck(KeySchema);

/** Where the keys of a store are. */
export interface KeyPlace {
  readonly backend: ObjectBackend;
  readonly storeId: string;
}

/** A key of a store as `key list` shows it. */
export interface KeyInfo {
  readonly id: string;
  readonly created: string;
  readonly label: string;
  readonly type: 'scrypt' | 'key-file';
}

/** The keys that the master key derives to; each has one use. */
export interface StoreKeys {
  readonly idKey: Uint8Array;
  readonly dataKey: Uint8Array;
  readonly documentKey: Uint8Array;
}

export const newMasterKey = (): Uint8Array => randomBytes(KEY_SIZE);

export function deriveKeys(master: Uint8Array): StoreKeys {
  const derive = (use: string) =>
    new Uint8Array(hkdfSync('sha256', master, '', `ckptree store ${use}`, KEY_SIZE));
  return { idKey: derive('chunk id'), dataKey: derive('chunk data'), documentKey: derive('document') };
}

const scryptAsync = promisify<string | Uint8Array, Uint8Array, number, object, Buffer>(scrypt);

async function wrappingKey(
  secret: Secret,
  { kdf, salt }: Pick<KeyDocument, 'kdf' | 'salt'>,
): Promise<Uint8Array> {
  const saltBytes = Buffer.from(salt, 'hex');
  if ('keyFile' in secret)
    return new Uint8Array(hkdfSync('sha256', secret.keyFile, saltBytes, 'ckptree key file', 32));
  const { N, r, p } = kdf.type === 'scrypt' ? kdf : SCRYPT;
  return scryptAsync(secret.passphrase.normalize('NFC'), saltBytes, KEY_SIZE, {
    N,
    r,
    p,
    maxmem: 2 * SCRYPT_MEMORY_LIMIT,
  });
}

const kdfType = (secret: Secret): KeyInfo['type'] => ('keyFile' in secret ? 'key-file' : 'scrypt');

/** The document as a key. @throws EBADMSG it is none, or opening it would take more than any key needs */
export function checkKey(name: string, document: unknown): KeyDocument {
  const key = checkShape(name, document);
  const { kdf } = key;
  if (kdf.type !== 'scrypt') return key;
  if (!Number.isInteger(Math.log2(kdf.N)) || 128 * kdf.N * kdf.r > SCRYPT_MEMORY_LIMIT)
    throw new CkptError(
      'EBADMSG',
      `${name} is not as it should be: no key has a cost of N = ${kdf.N}, r = ${kdf.r}`,
      { path: name },
    );
  return key;
}

/** Lets one more secret open the store. @param N cost of scrypt, a power of two; tests take a small one */
export async function addKey(
  { backend, storeId }: KeyPlace,
  master: Uint8Array,
  secret: Secret,
  label: string,
  N: number = SCRYPT.N,
): Promise<KeyInfo> {
  checkSecret(secret);
  const id = randomBytes(8).toString('hex');
  const name = objectName(KIND.keys, id);
  const kdf: KeyDocument['kdf'] =
    kdfType(secret) === 'scrypt' ? { type: 'scrypt', ...SCRYPT, N } : { type: 'key-file' };
  const salt = randomBytes(SALT_SIZE).toString('hex');
  const wrapping = await wrappingKey(secret, { kdf, salt });
  const wrapped = Buffer.from(encrypt(wrapping, master, Buffer.from(name))).toString('hex');
  const created = new Date().toISOString();
  const document: KeyDocument = { store: storeId, created, label, kdf, salt, wrapped };
  await backend.put(name, [encodeDocument(name, document)]);
  return { id, created, label, type: kdf.type };
}

function checkSecret(secret: Secret): void {
  if ('keyFile' in secret && secret.keyFile.length < KEY_FILE_MIN)
    throw new CkptError('EINVAL', `a key file needs at least ${KEY_FILE_MIN} bytes of random data`);
  if ('passphrase' in secret && secret.passphrase === '')
    throw new CkptError('EINVAL', 'an empty passphrase protects nothing');
}

interface ReadKey {
  readonly id: string;
  readonly key?: KeyDocument;
  readonly error?: unknown;
}

/** The keys of this store, and those that cannot be read. */
async function readKeys({ backend, storeId }: KeyPlace): Promise<ReadKey[]> {
  const objects = await backend.list(KIND.keys);
  const keys: ReadKey[] = await Promise.all(
    objects.map(async ({ name }) => {
      try {
        return { id: objectId(name), key: checkKey(name, await readDocument(backend, name)) };
      } catch (error) {
        return { id: objectId(name), error }; // another key may open the store; verify tells of this one
      }
    }),
  );
  // Not those that were just taken away. And who began to make this store at the same time, or before and died, may have
  // left a key that opens nothing.
  return keys.filter(({ key, error }) => !isGone(error) && (key?.store ?? storeId) === storeId);
}

/** @throws EPERM no key of the store fits the secret */
export async function unlock(place: KeyPlace, secrets: readonly Secret[]): Promise<Uint8Array> {
  const { location } = place.backend;
  const keys = await readKeys(place);
  for (const { id, key } of keys)
    for (const secret of secrets) {
      if (key === undefined || key.kdf.type !== kdfType(secret)) continue;
      try {
        const wrapping = await wrappingKey(secret, key);
        return decrypt(wrapping, Buffer.from(key.wrapped, 'hex'), Buffer.from(objectName(KIND.keys, id)));
      } catch (error) {
        if (!(isCkptError(error) && error.code === 'EIO')) throw error; // EIO: this is not its secret
      }
    }
  const damaged = keys.find(({ error }) => error !== undefined);
  if (damaged !== undefined && !isUnreadable(damaged.error)) throw damaged.error;
  throw new CkptError(
    'EPERM',
    secrets.length === 0
      ? `the store ${location} is encrypted; give its passphrase or key file`
      : `no key of the store ${location} fits what was given${damaged === undefined ? '' : `; key ${damaged.id} cannot be read`}`,
    { path: location },
    damaged?.error,
  );
}

export async function listKeys(place: KeyPlace): Promise<KeyInfo[]> {
  const keys = await readKeys(place);
  return keys.flatMap(({ id, key }) =>
    key === undefined ? [] : [{ id, created: key.created, label: key.label, type: key.kdf.type }],
  );
}

/** Keys that cannot be read, with the reason. @throws what is no fault of a key */
export async function unreadableKeys(place: KeyPlace): Promise<{ id: string; error: unknown }[]> {
  const failed = (await readKeys(place)).flatMap(({ id, error }) =>
    error === undefined ? [] : [{ id, error }],
  );
  const other = failed.find(({ error }) => !isUnreadable(error));
  if (other !== undefined) throw other.error;
  return failed;
}

/**
 * Takes a key away, also from those who know its secret. Whoever does so puts a mark first (`condemned/<key>.<random>`), and then
 * looks for another key that has none. Of several at once, all but the first see another's mark: so there is a key at any time,
 * wherever one of them dies.
 * @throws ENOENT no such key; EPERM none would be left: nobody could open the store
 */
export async function removeKey(place: KeyPlace, id: string): Promise<void> {
  const { backend } = place;
  if (!(await listKeys(place)).some((key) => key.id === id))
    throw new CkptError('ENOENT', `the store has no key ${id}`);
  const mark = objectName(KIND.condemned, `${id}.${randomBytes(8).toString('hex')}`);
  await backend.put(mark, []);
  try {
    // Marks before keys: when a mark is gone by the time of the first list, its key is so by that of the second, or stays.
    const marks = await backend.list(KIND.condemned);
    const others = (await listKeys(place)).filter((key) => key.id !== id);
    const staying = others.filter((key) => !marks.some((other) => condemnedId(other.name) === key.id));
    if (staying.length === 0) throw new CkptError('EPERM', whyLast(id, others));
    await backend.delete(objectName(KIND.keys, id));
  } finally {
    await backend.delete(mark);
  }
}

function whyLast(id: string, [other]: readonly KeyInfo[]): string {
  if (other === undefined)
    return `key ${id} is the last one; add another before, or nothing could be read any more`;
  return `key ${id} would be the last one: key ${other.id} is being removed, too, or that was cut short. Remove that one, or add another, and try again`;
}
