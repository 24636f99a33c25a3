import { Command } from '@commander-js/extra-typings';
import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';
import { helpCommand } from './help.js';

/** The commands for what opens an encrypted store. */
export function keyCommand(run: Runner) {
  const key = new Command('key').description('Manage what opens an encrypted store.');
  for (const part of [addCommand, removeCommand, listCommand]) key.addCommand(part(run));
  return key.helpCommand(false).addCommand(helpCommand(key));
}

function addCommand(run: Runner) {
  return newStoreCommand('add', 'Let one more passphrase or key file open the store.', [
    ['ckptree store key add --label ann', 'the new passphrase is asked for'],
    ['ckptree store key add --new-key-file k', 'a file of random bytes: head -c 32 /dev/urandom > k'],
  ])
    .option('--new-passphrase-file <file>', 'the first line is the new passphrase')
    .option('--new-key-file <file>', 'the new key: at least 32 random bytes')
    .option('--label <text>', 'what to call it')
    .action((options) =>
      run(options, async () => {
        const { addKey, formatKeys } = await import('../store/keys.js');
        return { work: () => addKey(options, options), format: formatKeys };
      }),
    );
}

function removeCommand(run: Runner) {
  return newStoreCommand('remove', 'Let a key open the store no longer.', [
    ['ckptree store key remove 3f2a90c1d4e5b678', 'an id as `ckptree store key list` shows it'],
  ])
    .argument('<id>', 'the key')
    .action((id, options) =>
      run(options, async () => {
        const { formatKeys, removeKey } = await import('../store/keys.js');
        return { work: () => removeKey(id, options), format: formatKeys };
      }),
    );
}

function listCommand(run: Runner) {
  return newStoreCommand('list', 'List the keys of the store.', [
    ['ckptree store key list', 'their ids, and what they were called'],
  ]).action((options) =>
    run(options, async () => {
      const { formatKeys, listKeys } = await import('../store/keys.js');
      return { work: () => listKeys(options), format: formatKeys };
    }),
  );
}
