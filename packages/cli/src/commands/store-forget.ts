import type { Runner } from '../command.js';
import { keepOptions, policyOf } from '../store/keep-options.js';
import { labelFilter } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree store forget --keep-last 3 --dry-run', 'what would go if of each name the newest 3 stayed'],
  ['ckptree store forget --keep-daily 7 --keep-weekly 4', 'the newest of each of 7 days and of 4 weeks'],
  ['ckptree store forget --label app=db --keep-within 7d', 'of those with a label, all older than a week'],
  ['ckptree store forget 20261123t15', 'one'],
] as const;

export function forgetCommand(run: Runner) {
  return newStoreCommand(
    'forget',
    'Remove checkpoints: those named, or those that have a label and no rule keeps. Rules hold for each name by itself.',
    EXAMPLES,
  )
    .argument('[checkpoints...]', 'ids, unique beginnings of ids, or names')
    .addOption(labelFilter)
    .addOption(keepOptions.last)
    .addOption(keepOptions.hourly)
    .addOption(keepOptions.daily)
    .addOption(keepOptions.weekly)
    .addOption(keepOptions.within)
    .option('--dry-run', 'remove nothing, say what would be')
    .action((ids, options) => {
      const { label, dryRun = false } = options;
      const policy = policyOf(options);
      const rules = label !== undefined || Object.keys(policy).length > 0;
      if (ids.length > 0 && rules) throw usageError('give checkpoints or rules, not both');
      if (ids.length === 0 && !rules)
        throw usageError(
          'say what to forget: checkpoints, a --label, or what to keep with --keep-last N and others',
        );
      return run(options, async () => {
        const { forget, formatForget } = await import('../store/forget.js');
        const selection = { ids, labels: label ?? {}, policy, dryRun };
        return { work: () => forget(selection, options), format: formatForget };
      });
    });
}
