import { readFile, stat } from 'node:fs/promises';
import { CkptError } from '@ckptree/errors';
import { Type } from '@ckptree/schema';
import { path, secret } from './config/option.js';

/** A key file of more bytes than this is some other file. */
const KEY_FILE_MAX = 1024 * 1024;

/** What opens an encrypted store, as every service that touches one is told it. */
export interface StoreSecrets {
  readonly passphrase?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** The options of {@link StoreSecrets}. @param use what the service opens the store for */
export const storeSecretOptions = (use: string) => ({
  passphrase: Type.Optional(secret({ description: `passphrase of an encrypted store, ${use}` })),
  keyFile: Type.Optional(path({ description: 'key file of an encrypted store, in place of the passphrase' })),
});

/** @throws EINVAL both are given */
export function checkStoreSecrets({ passphrase, keyFile }: StoreSecrets): void {
  if (passphrase !== undefined && keyFile !== undefined)
    throw new CkptError('EINVAL', 'give a passphrase or a key file, not both', { field: '--key-file' });
}

/** Reads what is to be tried; nothing when no secret is given. @throws ENOENT, EACCES of the key file; E2BIG it is none */
export async function readStoreSecrets({ passphrase, keyFile }: StoreSecrets) {
  if (passphrase !== undefined) return [{ passphrase }];
  if (keyFile === undefined) return [];
  if ((await stat(keyFile)).size > KEY_FILE_MAX)
    throw new CkptError('E2BIG', `${keyFile} is no key file: it has more than ${KEY_FILE_MAX} bytes`, {
      path: keyFile,
    });
  return [{ keyFile: new Uint8Array(await readFile(keyFile)) }];
}
