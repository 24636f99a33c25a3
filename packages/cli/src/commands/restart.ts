import { clusterOptions, isForCluster } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { namingOptions } from '../store/naming-options.js';
import { IMAGE_ARGUMENT, newStoreCommand } from '../store/store-options.js';
import { checkpointOf, treeOptions } from '../tree/tree-options.js';
import { refuseOptions, usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree restart tree.img', 'go on from the image to the end; the same report as `run`'],
  ['ckptree restart nightly', 'from the newest checkpoint of that name in the store'],
  [
    'ckptree restart tree.img --frozen',
    'see whether it can be restarted here, and what is in it, without running it',
  ],
  ['ckptree restart nightly --nats nats://10.0.0.5:4222', 'in a cluster: it runs on there'],
  ['ckptree restart nightly --lazy', 'let the tasks run at once, and bring their memory as they touch it'],
  ['ckptree restart tree.img --checkpoint 1@5000 --output later.img', 'save it again, 5000 ticks later'],
] as const;

/** How a tree is loaded and run here. */
const ONLY_HERE = {
  lazy: '--lazy',
  cpus: '--cpus',
  ticksPerSecond: '--ticks-per-second',
  memory: '--memory',
  threads: '--threads',
} as const;

export function restartCommand(run: Runner) {
  return clusterOptions(
    newStoreCommand('restart', 'Restart a tree of tasks from an image and run it to its end.', EXAMPLES),
  )
    .argument('<image>', IMAGE_ARGUMENT)
    .option(
      '--frozen',
      'rebuild the tree, show it as it stands, and end without letting it run; in a cluster: leave it frozen',
    )
    .option('--on <worker>', 'in a cluster: all of it on this worker')
    .option(
      '--lazy',
      'let the tasks run before their memory is there: first comes what they touch, then the rest',
    )
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
    .action((image, options) => {
      const { frozen = false } = options;
      const request = { options, checkpoint: checkpointOf(options, image) };
      if (frozen && request.checkpoint !== undefined)
        throw usageError('a tree that is left --frozen never comes to its --checkpoint');
      if (options.nats !== undefined && request.checkpoint !== undefined)
        throw usageError(
          'a tree that is restarted in a cluster is saved there by `ckptree checkpoint PID`, not by --checkpoint on its way',
        );
      if (isForCluster(options) && request.checkpoint === undefined) {
        refuseOptions(
          options,
          ONLY_HERE,
          `is for a restart on this machine, and ${options.nats === undefined ? 'NATS_URL' : '--nats'} names a cluster`,
        );
        return run(options, async () => {
          const { formatStarted, restartOnCluster } = await import('../cluster/trees.js');
          return { work: (session) => restartOnCluster(image, options, session), format: formatStarted };
        });
      }
      if (options.on !== undefined) throw usageError('--on is for a cluster; say where it is with --nats');
      return run(options, async () => {
        const { formatTree, restart, restartFrozen } = await import('../tree/restart.js');
        return {
          work: (session) =>
            frozen ? restartFrozen(image, options, session) : restart(image, request, session),
          format: formatTree,
        };
      });
    });
}
