import { parsePid } from '../arguments.js';
import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';

const EXAMPLES = [
  ['ckptree ps --tree', 'who is whose child, and on which worker'],
  ['ckptree ps 7', 'task 7 and all below it'],
] as const;

export function psCommand(run: Runner) {
  return newClusterCommand('ps', 'List the tasks of the cluster.', EXAMPLES)
    .argument('[pid]', 'only this task and all below it', parsePid)
    .option('--tree', 'children below their parents')
    .action((pid, options) =>
      run(options, async () => {
        const { formatPs, ps } = await import('../cluster/tasks.js');
        return { work: (session) => ps(pid, options, session), format: formatPs(options.tree ?? false) };
      }),
    );
}
