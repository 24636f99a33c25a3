import type { Runner } from '../command.js';
import { namingOptions } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';
import { checkpointOf, treeOptions } from '../tree/tree-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree run examples/sieve.json', 'run a tree of tasks and see how each of them ended'],
  [
    'ckptree run tree.json --checkpoint 1@5000 --output tree.img',
    'save it on the way, when task 1 has executed 5000 ticks',
  ],
  ['ckptree run tree.json --checkpoint 1@5000 --stop', 'into the store, and end there; `restart` goes on'],
  [
    'ckptree run tree.json --checkpoint 1@5000 --checkpoint-every 5000 --name db',
    'again and again; each holds all, and costs what changed',
  ],
  ['ckptree run --core core.1234', 'host the memory and threads of a real process (made by gcore)'],
] as const;

export function runCommand(run: Runner) {
  return newStoreCommand('run', 'Run a tree of tasks to its end.', EXAMPLES)
    .argument('[spec]', 'what to run: a SPEC.json, see examples/README.md')
    .option('--core <file>', 'host an ELF core file (x86-64 Linux) instead of a spec')
    .addOption(treeOptions.checkpoint)
    .addOption(treeOptions.every)
    .addOption(namingOptions.name)
    .addOption(namingOptions.label)
    .addOption(treeOptions.output)
    .addOption(treeOptions.container)
    .addOption(treeOptions.stop)
    .addOption(treeOptions.cpus)
    .addOption(treeOptions.ticksPerSecond)
    .addOption(treeOptions.memory)
    .addOption(treeOptions.threads)
    .action((spec, options) => {
      const tree = treeOf(spec, options.core);
      const request = { options, checkpoint: checkpointOf(options) };
      return run(options, async () => {
        const { formatTree, runSpec } = await import('../tree/run.js');
        const runIt = tree.kind === 'spec' ? runSpec : (await import('../tree/run-core.js')).runCore;
        return { work: (session) => runIt(tree.path, request, session), format: formatTree };
      });
    });
}

function treeOf(spec: string | undefined, core: string | undefined) {
  if (spec !== undefined && core !== undefined) throw usageError('give a SPEC.json or --core FILE, not both');
  if (spec !== undefined) return { kind: 'spec', path: spec } as const;
  if (core !== undefined) return { kind: 'core', path: core } as const;
  throw usageError('there is nothing to run: give a SPEC.json, or --core FILE');
}
