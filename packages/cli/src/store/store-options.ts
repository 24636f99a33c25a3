import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Example, newCommand } from '../command.js';

/** Which store a command works on, and what opens it. */
export interface StoreOptions {
  readonly store?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Which image a command works on: a file, or a checkpoint of a store. */
export interface ImageChoice extends StoreOptions {
  readonly threads?: number | undefined;
}

/** What commands that read an image say of it in their help. */
export const IMAGE_ARGUMENT =
  'a file, or a checkpoint of the store: its id, the beginning of it, or its name';

/** A command that may meet a store. */
export function newStoreCommand(name: string, summary: string, examples: readonly Example[]) {
  return newCommand(name, summary, examples)
    .option('--store <folder>', 'the store (default: CKPTREE_STORE, else ~/.local/share/ckptree)')
    .option(
      '--passphrase-file <file>',
      'its first line opens the store (default: CKPTREE_PASSPHRASE, else asked for)',
    )
    .option('--key-file <file>', 'a file of random bytes that opens the store');
}

/** The folder of the store: as the option says, else CKPTREE_STORE, else a folder under the user's data home (XDG). */
export const storeFolder = ({ store }: StoreOptions): string =>
  store ?? (process.env.CKPTREE_STORE || join(dataHome(), 'ckptree'));

/** The XDG Base Directory Specification has relative paths ignored. */
function dataHome(): string {
  const { XDG_DATA_HOME = '' } = process.env;
  if (XDG_DATA_HOME.startsWith('/')) return XDG_DATA_HOME;
  // An empty HOME would make it a folder below the working one.
  return join(homedir() || userInfo().homedir, '.local', 'share');
}
