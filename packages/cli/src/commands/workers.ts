import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';

const EXAMPLES = [['ckptree workers', 'who hosts tasks, and how many']] as const;

export function workersCommand(run: Runner) {
  return newClusterCommand('workers', 'List the workers of the cluster.', EXAMPLES).action((options) =>
    run(options, async () => {
      const { formatWorkers, workers } = await import('../cluster/workers.js');
      return { work: (session) => workers(options, session), format: formatWorkers };
    }),
  );
}
