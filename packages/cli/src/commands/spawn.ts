import { Option } from '@commander-js/extra-typings';
import { placement } from '../arguments.js';
import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { nameOption, namingOptions } from '../store/naming-options.js';

const EXAMPLES = [
  ['ckptree spawn examples/cluster/endless.json', 'its tasks are spread over the workers; `kill` ends it'],
  ['ckptree spawn tree.json --place 2=worker-1 --place 3=worker-2', 'say where some of them go'],
] as const;

export function spawnCommand(run: Runner) {
  return newClusterCommand('spawn', 'Start a tree of tasks in the cluster.', EXAMPLES)
    .argument('<spec>', 'what to run: a SPEC.json, see examples/README.md')
    .addOption(nameOption('what to call the tree; `events --filter name=NAME` tells what became of it'))
    .addOption(namingOptions.label)
    .addOption(
      new Option(
        '--place <pid=worker>',
        'which worker hosts a task, by its pid in the spec; may be given several times',
      ).argParser(placement),
    )
    .action((spec, options) =>
      run(options, async () => {
        const { formatStarted, spawn } = await import('../cluster/trees.js');
        return { work: (session) => spawn(spec, options, session), format: formatStarted };
      }),
    );
}
