import { clusterOptions, isForCluster } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree show nightly', 'the newest checkpoint of that name'],
  ['ckptree inspect nightly', 'its tasks; any command that reads images takes a checkpoint, too'],
] as const;

export function showCommand(run: Runner) {
  return clusterOptions(newStoreCommand('show', 'Show what the store knows of a checkpoint.', EXAMPLES))
    .argument('<checkpoint>', 'an id, the unique beginning of one, or a name')
    .action((checkpoint, options) =>
      run(options, async () => {
        const { formatInfo, show } = await import('../store/list.js');
        if (!isForCluster(options)) return { work: () => show(checkpoint, options), format: formatInfo };
        const { showOnCluster } = await import('../cluster/stored.js');
        return { work: (session) => showOnCluster(checkpoint, options, session), format: formatInfo };
      }),
    );
}
