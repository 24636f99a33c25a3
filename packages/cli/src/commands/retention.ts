import { newClusterCommand } from '../cluster/cluster-options.js';
import type { Runner } from '../command.js';
import { keepOptions, policyOf } from '../store/keep-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree retention', 'the rules'],
  ['ckptree retention --keep-last 7 --keep-daily 30', 'from now on these, applied every ten minutes'],
  ['ckptree retention --apply --dry-run', 'what they would remove now'],
  ['ckptree retention --keep-all', 'no rules: nothing is removed by itself'],
] as const;

export function retentionCommand(run: Runner) {
  return newClusterCommand(
    'retention',
    'Tell, or set, which checkpoints the cluster keeps; the others are removed. Rules hold for each name by itself.',
    EXAMPLES,
  )
    .addOption(keepOptions.last)
    .addOption(keepOptions.hourly)
    .addOption(keepOptions.daily)
    .addOption(keepOptions.weekly)
    .addOption(keepOptions.within)
    .option('--keep-all', 'no rules: keep all')
    .option('--apply', 'remove now what the rules do not keep')
    .option('--dry-run', 'with --apply: remove nothing, say what would be')
    .action((options) => {
      const { keepAll = false, apply = false, dryRun = false } = options;
      const policy = policyOf(options);
      const sets = Object.keys(policy).length > 0;
      if (keepAll && sets) throw usageError('give rules or --keep-all, not both');
      if (apply && (keepAll || sets)) throw usageError('set rules first, then --apply them');
      if (dryRun && !apply) throw usageError('--dry-run goes with --apply');
      return run(options, async () => {
        const { formatRetention, retention } = await import('../cluster/retention.js');
        const change = { ...((keepAll || sets) && { policy }), ...(apply && { apply: { dryRun } }) };
        return { work: (session) => retention(change, options, session), format: formatRetention };
      });
    });
}
