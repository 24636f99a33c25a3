import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree rm nightly', 'the newest checkpoint of that name'],
  ['ckptree store forget --keep-last 3', 'many, by rules'],
  ['ckptree store gc', 'give back their space'],
] as const;

export function rmCommand(run: Runner) {
  return newStoreCommand('rm', 'Remove checkpoints from the store.', EXAMPLES)
    .argument('<checkpoints...>', 'ids, unique beginnings of ids, or names')
    .action((ids, options) =>
      run(options, async () => {
        const { forget, formatForget } = await import('../store/forget.js');
        const selection = { ids, labels: {}, policy: {}, dryRun: false };
        return { work: () => forget(selection, options), format: formatForget };
      }),
    );
}
