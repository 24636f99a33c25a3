import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree show nightly', 'the newest checkpoint of that name'],
  ['ckptree inspect nightly', 'its tasks; any command that reads images takes a checkpoint, too'],
] as const;

export function showCommand(run: Runner) {
  return newStoreCommand('show', 'Show what the store knows of a checkpoint.', EXAMPLES)
    .argument('<checkpoint>', 'an id, the unique beginning of one, or a name')
    .action((checkpoint, options) =>
      run(options, async () => {
        const { formatInfo, show } = await import('../store/list.js');
        return { work: () => show(checkpoint, options), format: formatInfo };
      }),
    );
}
