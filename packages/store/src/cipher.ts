import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { CkptError } from '@ckptree/errors';

/** AES-256-GCM as NIST SP 800-38D recommends it: a random nonce of 96 bits, a tag of 128. */
const ALGORITHM = 'aes-256-gcm';
const NONCE_SIZE = 12;
const TAG_SIZE = 16;

/** Bytes that encryption adds. */
export const CIPHER_OVERHEAD = NONCE_SIZE + TAG_SIZE;

/** @param context bytes that are not hidden but bound to the content: with others it will not open */
export function encrypt(key: Uint8Array, content: Uint8Array, context: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_SIZE);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_SIZE });
  cipher.setAAD(context);
  const body = cipher.update(content);
  cipher.final();
  return Buffer.concat([nonce, body, cipher.getAuthTag()]);
}

/** @throws EIO not what encrypt() made with this key and context */
export function decrypt(key: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array {
  if (sealed.length < CIPHER_OVERHEAD) throw new CkptError('EIO', 'encrypted data is cut off');
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_SIZE), {
    authTagLength: TAG_SIZE,
  });
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  const content = decipher.update(sealed.subarray(NONCE_SIZE, sealed.length - TAG_SIZE));
  try {
    decipher.final();
  } catch (error) {
    throw new CkptError('EIO', 'encrypted data is damaged or was tampered with', {}, error);
  }
  return content;
}
