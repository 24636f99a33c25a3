import { readFile } from 'node:fs/promises';
import { CkptError, cannot } from '@ckptree/errors';
import type { Secret } from '@ckptree/store';
import { promptSecret } from './prompt.js';
import type { StoreOptions } from './store-options.js';

/** A key file of more bytes than this is some other file. */
const KEY_FILE_MAX = 1024 * 1024;

type SecretFiles = Pick<StoreOptions, 'passphraseFile' | 'keyFile'>;

/** The secrets that the command line and the environment give, without asking anybody. @throws ENOENT, EPERM, E2BIG */
export async function givenSecrets({ passphraseFile, keyFile }: SecretFiles): Promise<Secret[]> {
  const { CKPTREE_PASSPHRASE: passphrase = '' } = process.env;
  return [
    ...(keyFile === undefined ? [] : [{ keyFile: await readSecret(keyFile) }]),
    ...(passphraseFile === undefined ? [] : [{ passphrase: await firstLine(passphraseFile) }]),
    ...(keyFile === undefined && passphraseFile === undefined && passphrase !== '' ? [{ passphrase }] : []),
  ];
}

/**
 * What opens a store: what was given, which a store that is not encrypted is refused for; else a person at a terminal is asked,
 * if it is encrypted.
 * @param store for the question
 */
export async function secretsToOpen(
  options: SecretFiles,
  store: string,
): Promise<Secret[] | (() => Promise<Secret[]>)> {
  const given = await givenSecrets(options);
  if (given.length > 0) return given;
  return async () => {
    const passphrase = await promptSecret(`Passphrase of the store ${store}: `);
    return passphrase === undefined ? [] : [{ passphrase }];
  };
}

/**
 * A secret that somebody chooses now: asked for twice when nothing was given.
 * @throws EINVAL there is nobody to ask, or the answers differ
 */
export async function newSecret(options: SecretFiles, use: string): Promise<Secret> {
  const [given] = await givenSecrets(options);
  if (given !== undefined) return given;
  const passphrase = await promptSecret(`Passphrase ${use}: `);
  if (passphrase === undefined)
    throw new CkptError(
      'EINVAL',
      `there is no passphrase ${use}, and no terminal to ask on; give one in a file, or a key file`,
    );
  if ((await promptSecret('The same again: ')) !== passphrase)
    throw new CkptError('EINVAL', 'the two passphrases differ; nothing was done');
  return { passphrase };
}

async function firstLine(path: string): Promise<string> {
  const [line = ''] = Buffer.from(await readSecret(path))
    .toString('utf8')
    .split(/\r?\n/);
  return line;
}

async function readSecret(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw cannot('read the secret in', path, error);
  });
  if (bytes.length <= KEY_FILE_MAX) return bytes;
  throw new CkptError('E2BIG', `${path} is too large to be a secret; at most ${KEY_FILE_MAX} bytes`, {
    path,
  });
}
