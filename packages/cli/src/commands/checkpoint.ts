import { Option } from '@commander-js/extra-typings';
import { durationBetween, parseCron, parsePid } from '../arguments.js';
import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { namingOptions } from '../store/naming-options.js';
import { treeOptions } from '../tree/tree-options.js';
import { refuseOptions, usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree checkpoint 1 --name nightly', 'task 1 and all below it, on whatever workers they are'],
  ['ckptree checkpoint 1 --stop', 'and end them; `restart` goes on'],
  ['ckptree checkpoint 1 --every 30s --name db', 'again and again; `cancel` ends it'],
  ["ckptree checkpoint 1 --cron '0 3 * * *'", 'every night (UTC)'],
] as const;

const FOR_ONE = {
  stop: '--stop',
  leaveFrozen: '--leave-frozen',
  key: '--key',
  timeout: '--timeout',
} as const;

export function checkpointCommand(run: Runner) {
  return newClusterCommand('checkpoint', 'Save a task and all below it while they run.', EXAMPLES)
    .argument('<pid>', 'the task', parsePid)
    .addOption(namingOptions.name)
    .addOption(namingOptions.label)
    .addOption(treeOptions.container)
    .option('--leave-frozen', 'the tasks stand still afterwards, until they are thawed')
    .option('--stop', 'the tasks are ended once the checkpoint is complete')
    .addOption(
      new Option('--every <time>', 'again and again, such as 30s, 5m, 1h').argParser(
        durationBetween('1s', '365d'),
      ),
    )
    .addOption(
      new Option('--cron <expression>', 'again and again, as cron says it (UTC)').argParser(parseCron),
    )
    .option('--key <text>', 'requests with the same key are one checkpoint, however often they are sent')
    .addOption(
      new Option('--timeout <time>', 'it fails when it takes longer, such as 10m').argParser(
        durationBetween('1s', '24h'),
      ),
    )
    .option('--no-wait', 'only ask for it')
    .action((pid, options) => {
      if (options.every !== undefined && options.cron !== undefined)
        throw usageError('give --every or --cron, not both');
      if (options.every !== undefined || options.cron !== undefined)
        refuseOptions(options, FOR_ONE, 'is for one checkpoint, and not for those of --every or --cron');
      if (options.leaveFrozen && options.stop)
        throw usageError('a tree cannot be left frozen and be stopped: give --leave-frozen or --stop');
      return run(options, async () => {
        const { checkpointTree, formatClusterCheckpoint } = await import('../cluster/checkpoint.js');
        return {
          work: (session) => checkpointTree(pid, options, session),
          format: (report, palette) => formatClusterCheckpoint(report, palette, options),
        };
      });
    });
}
