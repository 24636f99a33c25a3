import type { Runner } from '../command.js';
import { labelFilter } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree ls', 'all checkpoints, the newest at the end'],
  ['ckptree ls --label app=db', 'those with a label'],
  ["ckptree ls --json | jq -r '.checkpoints[].id'", 'for programs'],
] as const;

export function lsCommand(run: Runner) {
  return newStoreCommand('ls', 'List the checkpoints of the store.', EXAMPLES)
    .addOption(labelFilter)
    .action((options) =>
      run(options, async () => {
        const { formatList, list } = await import('../store/list.js');
        return { work: () => list(options.label ?? {}, options), format: formatList };
      }),
    );
}
