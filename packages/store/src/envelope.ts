import { at, CkptError } from '@ckptree/errors';
import { type ObjectBackend, readObject } from './backend/object-backend.js';
import { CIPHER_OVERHEAD, decrypt, encrypt } from './cipher.js';
import { contentHash, hexId } from './content-hash.js';

/**
 * How documents stand in a store. Plain: the JSON text on one line, and below it `blake3 <hex>` over name and line, so
 * that people can read it and no changed byte goes unseen. Encrypted: one line saying so, then nonce, ciphertext and
 * tag. Both are bound to the object's name: a document under another's name does not open.
 */
const DIGEST_LINE = /^([^\n]*)\nblake3 ([0-9a-f]{64})\n$/;
const ENCRYPTED = Buffer.from('ckptree encrypted 1\n', 'latin1');

/** Bytes: larger documents are refused. */
export const DOCUMENT_LIMIT = 256 * 1024 * 1024;

const plainDigest = (name: string, line: string): string =>
  hexId(contentHash().digest(Buffer.from(`${name}\n${line}`, 'utf8')));

export function encodeDocument(name: string, document: unknown, key?: Uint8Array): Uint8Array {
  const line = JSON.stringify(document);
  if (key === undefined) return Buffer.from(`${line}\nblake3 ${plainDigest(name, line)}\n`, 'utf8');
  return Buffer.concat([ENCRYPTED, encrypt(key, Buffer.from(line, 'utf8'), Buffer.from(name, 'utf8'))]);
}

/** @throws EIO it is damaged or was tampered with; E2BIG it is larger than any; ENOENT there is none */
export async function readDocument(backend: ObjectBackend, name: string, key?: Uint8Array): Promise<unknown> {
  try {
    return openDocument(name, await readObject(backend, name, DOCUMENT_LIMIT), key);
  } catch (error) {
    throw at(error, { path: name });
  }
}

/** @throws EIO it is damaged or was tampered with */
export function openDocument(name: string, bytes: Uint8Array, key?: Uint8Array): unknown {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return JSON.parse(key === undefined ? openPlain(name, content) : openEncrypted(name, content, key));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new CkptError('EIO', `${name} is damaged: it is no JSON document`, { path: name }, error);
    throw error;
  }
}

/** Bytes behind the line of a plain document. */
const DIGEST_SIZE = Buffer.byteLength(`\nblake3 ${'0'.repeat(64)}\n`);

/**
 * Checks the digest of a plain document, whatever its size.
 * @param pieces all of it, in order
 * @throws EIO it is damaged
 */
export async function checkPlainDocument(
  name: string,
  size: number,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const hash = contentHash().begin();
  hash.update(Buffer.from(`${name}\n`, 'utf8'));
  const lineSize = size - DIGEST_SIZE;
  let [position, lines, end] = [0, 0, ''];
  for await (const bytes of pieces) {
    const line = bytes.subarray(0, Math.max(0, lineSize - position));
    if (line.includes(0x0a)) lines++;
    hash.update(line);
    end += Buffer.from(bytes.subarray(line.length)).toString('latin1');
    position += bytes.length;
  }
  if (lineSize < 0 || lines > 0 || end !== `\nblake3 ${hexId(hash.digest())}\n`)
    throw new CkptError('EIO', `${name} is damaged: its content has another hash`);
}

/** Whether bytes have the form of an encrypted document: all that can be told without the key. */
export const looksEncrypted = (bytes: Uint8Array): boolean =>
  bytes.length >= ENCRYPTED.length + CIPHER_OVERHEAD && ENCRYPTED.equals(bytes.subarray(0, ENCRYPTED.length));

function openPlain(name: string, bytes: Buffer): string {
  const text = bytes.toString('utf8');
  const [, line, digest] = DIGEST_LINE.exec(text) ?? [];
  // The second condition: bytes that are no UTF-8 would be replaced unseen.
  if (line === undefined || plainDigest(name, line) !== digest || Buffer.byteLength(text) !== bytes.length)
    throw new CkptError('EIO', `${name} is damaged: its content has another hash`);
  return line;
}

function openEncrypted(name: string, bytes: Buffer, key: Uint8Array): string {
  if (!bytes.subarray(0, ENCRYPTED.length).equals(ENCRYPTED))
    throw new CkptError('EIO', `${name} is damaged: it is not encrypted, but its store is`);
  try {
    const line = decrypt(key, bytes.subarray(ENCRYPTED.length), Buffer.from(name, 'utf8'));
    return Buffer.from(line).toString('utf8');
  } catch (error) {
    throw new CkptError('EIO', `${name} is damaged or was tampered with`, {}, error);
  }
}
