import { Command } from '@commander-js/extra-typings';
import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';
import { helpCommand } from './help.js';
import { forgetCommand } from './store-forget.js';
import { keyCommand } from './store-key.js';
import { storeVerifyCommand } from './store-verify.js';

const EXAMPLES = `
Examples:
  ckptree store init --encrypt        make a store that nobody reads without its passphrase
  ckptree store verify --read-data    check every byte
  ckptree store forget --keep-last 3  remove old checkpoints
  ckptree store gc                    give back their space`;

/** The commands that look after a store as a whole. */
export function storeCommand(run: Runner) {
  const store = new Command('store').description('Make, check and clean the store of checkpoints.');
  const parts = [
    initCommand,
    infoCommand,
    storeVerifyCommand,
    repairCommand,
    gcCommand,
    forgetCommand,
    keyCommand,
  ];
  for (const part of parts) store.addCommand(part(run));
  return store.helpCommand(false).addCommand(helpCommand(store)).addHelpText('after', EXAMPLES);
}

function initCommand(run: Runner) {
  return newStoreCommand('init', 'Make a store.', [
    ['ckptree store init', 'where CKPTREE_STORE says, or at the default place'],
    ['ckptree store init --encrypt', 'encrypted; the passphrase is asked for'],
    ['ckptree store init --key-file k', 'encrypted; made by head -c 32 /dev/urandom > k'],
  ])
    .option('--encrypt', 'encrypt everything; a passphrase or key file that is given does so, too')
    .action((options) =>
      run(options, async () => {
        const { formatStoreInfo, init } = await import('../store/maintenance.js');
        return { work: () => init(options.encrypt ?? false, options), format: formatStoreInfo };
      }),
    );
}

function infoCommand(run: Runner) {
  return newStoreCommand('info', 'Show how much there is in the store.', [
    ['ckptree store info', 'sizes, and whether it is encrypted'],
  ]).action((options) =>
    run(options, async () => {
      const { formatStoreInfo, info } = await import('../store/maintenance.js');
      return { work: () => info(options), format: formatStoreInfo };
    }),
  );
}

function repairCommand(run: Runner) {
  return newStoreCommand('repair', 'Move what is damaged to quarantine and save what is sound of it.', [
    ['ckptree store repair', 'reads every byte of the store'],
  ]).action((options) =>
    run(options, async () => {
      const { formatRepair, repair } = await import('../store/maintenance.js');
      return { work: (session) => repair(options, session), format: formatRepair };
    }),
  );
}

function gcCommand(run: Runner) {
  return newStoreCommand('gc', 'Give back the space that no checkpoint needs.', [
    ['ckptree store gc --dry-run', 'how much that would be'],
    ['ckptree store gc', 'may run, and be killed, at any time'],
  ])
    .option('--dry-run', 'change nothing')
    .action((options) =>
      run(options, async () => {
        const { formatGc, gc } = await import('../store/maintenance.js');
        return { work: (session) => gc(options.dryRun ?? false, options, session), format: formatGc };
      }),
    );
}
