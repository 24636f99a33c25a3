import { type Static, Type } from '@ckptree/schema';
import type { KeyInfo, Store } from '@ckptree/store';
import type { Palette } from '../output/palette.js';
import { printable } from '../output/printable.js';
import { type Column, formatTable } from '../output/table.js';
import type { Outcome } from '../session.js';
import { withStore } from './open-store.js';
import { askForNew, oneOf, secretsInFiles } from './secrets.js';
import type { StoreOptions } from './store-options.js';

const Key = Type.Object(
  {
    id: Type.String(),
    created: Type.String(),
    label: Type.String({ description: 'What its maker called it.' }),
    type: Type.Union([Type.Literal('scrypt'), Type.Literal('key-file')], {
      description: 'scrypt: of a passphrase.',
    }),
  },
  { additionalProperties: false },
);

/** The keys that the store has after the command. */
export const KeysReport = Type.Object(
  { encrypted: Type.Boolean(), keys: Type.Array(Key) },
  { additionalProperties: false },
);
type KeysReport = Static<typeof KeysReport>;

export interface NewKey {
  readonly newPassphraseFile?: string | undefined;
  readonly newKeyFile?: string | undefined;
  readonly label?: string | undefined;
}

/** Lets one more secret open the store. */
export function addKey(
  { newPassphraseFile, newKeyFile, label = '' }: NewKey,
  options: StoreOptions,
): Promise<Outcome<KeysReport>> {
  return changeKeys(options, async (store) => {
    // CKPTREE_PASSPHRASE opens the store: it is no new one.
    const given = oneOf(await secretsInFiles({ passphraseFile: newPassphraseFile, keyFile: newKeyFile }));
    await store.addKey(given ?? (await askForNew('that is to open the store, too')), label);
  });
}

/** @throws ENOENT no such key; EPERM it is the last one */
export const removeKey = (id: string, options: StoreOptions): Promise<Outcome<KeysReport>> =>
  changeKeys(options, (store) => store.removeKey(id));

export const listKeys = (options: StoreOptions): Promise<Outcome<KeysReport>> =>
  changeKeys(options, async () => undefined);

function changeKeys(
  options: StoreOptions,
  change: (store: Store) => Promise<unknown>,
): Promise<Outcome<KeysReport>> {
  return withStore(options, {}, async (store) => {
    await change(store);
    return { report: { encrypted: store.config.encrypted, keys: await store.keys() }, exitCode: 0 };
  });
}

const COLUMNS: readonly Column<KeyInfo>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'TYPE', value: ({ type }) => (type === 'scrypt' ? 'passphrase' : 'key file') },
  { title: 'CREATED', value: ({ created }) => printable(created) },
  { title: 'LABEL', value: ({ label }) => printable(label) },
];

export const formatKeys = ({ encrypted, keys }: KeysReport, palette: Palette): string =>
  encrypted ? formatTable(COLUMNS, keys, palette) : 'The store is not encrypted; it has no keys.\n';
