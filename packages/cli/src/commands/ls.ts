import { clusterOptions, isForCluster } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { labelFilter } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';

const EXAMPLES = [
  ['ckptree ls', 'all checkpoints, the newest at the end'],
  ['ckptree ls --label app=db', 'those with a label'],
  ['ckptree ls --nats nats://10.0.0.5:4222', 'those of a cluster'],
  ["ckptree ls --json | jq -r '.checkpoints[].id'", 'for programs'],
] as const;

export function lsCommand(run: Runner) {
  return clusterOptions(newStoreCommand('ls', 'List the checkpoints of the store.', EXAMPLES))
    .addOption(labelFilter)
    .action((options) =>
      run(options, async () => {
        const { formatList, list } = await import('../store/list.js');
        if (!isForCluster(options))
          return { work: () => list(options.label ?? {}, options), format: formatList };
        const { listOnCluster } = await import('../cluster/stored.js');
        return {
          work: (session) => listOnCluster(options.label ?? {}, options, session),
          format: formatList,
        };
      }),
    );
}
