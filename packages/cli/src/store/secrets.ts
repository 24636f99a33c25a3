import { readFile } from 'node:fs/promises';
import { CkptError, cannot } from '@ckptree/errors';
import type { Secret } from '@ckptree/store';
import { promptSecret } from './prompt.js';
import type { StoreOptions } from './store-options.js';

/** A key file of more bytes than this is some other file. */
const KEY_FILE_MAX = 1024 * 1024;

type SecretFiles = Pick<StoreOptions, 'passphraseFile' | 'keyFile'>;

/** The secrets that the command line and the environment give, without asking anybody. @throws ENOENT, EPERM, E2BIG */
export async function givenSecrets(files: SecretFiles): Promise<Secret[]> {
  const { CKPTREE_PASSPHRASE: passphrase = '' } = process.env;
  const inFiles = await secretsInFiles(files);
  return inFiles.length > 0 || passphrase === '' ? inFiles : [{ passphrase }];
}

/** The secrets in the files that the command line names. @throws ENOENT, EPERM, E2BIG */
export const secretsInFiles = async ({ passphraseFile, keyFile }: SecretFiles): Promise<Secret[]> => [
  ...(keyFile === undefined ? [] : [{ keyFile: await readSecret(keyFile) }]),
  ...(passphraseFile === undefined ? [] : [{ passphrase: await firstLine(passphraseFile) }]),
];

/** The secret for something new, if one was given. @throws EINVAL there are two, of which one would open nothing */
export function oneOf([secret, another]: readonly Secret[]): Secret | undefined {
  if (another === undefined) return secret;
  throw new CkptError(
    'EINVAL',
    'a passphrase and a key file are given where one secret is meant; give one, and add the other with `ckptree store key add`',
  );
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
 * A passphrase that somebody chooses now: asked for twice.
 * @throws EINVAL there is nobody to ask, or the answers differ
 */
export async function askForNew(use: string): Promise<Secret> {
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
