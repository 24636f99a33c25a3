import { InvalidArgumentError } from '@commander-js/extra-typings';
import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree store verify', 'structure, indexes and references: quick'],
  ['ckptree store verify --read-data', 'every byte'],
  ['ckptree store verify --sample 5%', 'the bytes of some chunks, others each time'],
] as const;

export function storeVerifyCommand(run: Runner) {
  return newStoreCommand(
    'verify',
    'Check the store. Exit code 1 when something is damaged; it says which tasks and addresses are lost.',
    EXAMPLES,
  )
    .option('--read-data', 'also read every chunk and check it')
    .option('--sample <share>', 'read only so many of the chunks, drawn at random, such as 5%', parseShare)
    .action((options) => {
      const { readData = false, sample } = options;
      if (readData && sample !== undefined)
        throw usageError('--read-data reads all, and --sample a part; give one');
      return run(options, async () => {
        const { formatStoreVerify, verifyStore } = await import('../store/verify-store.js');
        const thoroughness = { readData: readData || sample !== undefined, sample: sample ?? 1 };
        return {
          work: (session) => verifyStore(thoroughness, options, session),
          format: formatStoreVerify,
        };
      });
    });
}

/** `5%` as 0.05. */
function parseShare(text: string): number {
  const percent = /^\d{1,3}(?:\.\d{1,6})?%$/.test(text) ? Number(text.slice(0, -1)) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent / 100;
  throw new InvalidArgumentError('It must be a share from above 0% to 100%, such as 5%.');
}
