import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { wholeNumber } from '../arguments.js';
import type { Runner } from '../command.js';
import { labelFilter } from '../store/naming-options.js';
import { newStoreCommand } from '../store/store-options.js';
import { usageError } from '../usage-error.js';

const EXAMPLES = [
  ['ckptree store forget --keep-last 3 --dry-run', 'what would go if of each name the newest 3 stayed'],
  ['ckptree store forget --keep-daily 7 --keep-weekly 4', 'the newest of each of 7 days and of 4 weeks'],
  ['ckptree store forget --label app=db --keep-within 7d', 'of those with a label, all older than a week'],
  ['ckptree store forget 20261123t15', 'one'],
] as const;

const keep = (which: string, meaning: string) =>
  new Option(`--keep-${which} <n>`, meaning).argParser(wholeNumber(1, 1_000_000));

export function forgetCommand(run: Runner) {
  return newStoreCommand(
    'forget',
    'Remove checkpoints: those named, or those that have a label and no rule keeps. Rules hold for each name by itself.',
    EXAMPLES,
  )
    .argument('[checkpoints...]', 'ids, unique beginnings of ids, or names')
    .addOption(labelFilter)
    .addOption(keep('last', 'keep the newest n'))
    .addOption(keep('hourly', 'keep the newest of each of the last n hours that have any'))
    .addOption(keep('daily', 'the same for days (of UTC)'))
    .addOption(keep('weekly', 'the same for weeks'))
    .option('--keep-within <period>', 'keep all that are younger, such as 7d or 12h', parsePeriod)
    .option('--dry-run', 'remove nothing, say what would be')
    .action((ids, options) => {
      const { label, keepLast, keepHourly, keepDaily, keepWeekly, keepWithin, dryRun = false } = options;
      const policy = {
        ...(keepLast !== undefined && { keepLast }),
        ...(keepHourly !== undefined && { keepHourly }),
        ...(keepDaily !== undefined && { keepDaily }),
        ...(keepWeekly !== undefined && { keepWeekly }),
        ...(keepWithin !== undefined && { keepWithinMs: keepWithin }),
      };
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

const PERIODS_MS = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** `7d` in milliseconds. */
function parsePeriod(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([hdw])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined)
    return Number(count) * PERIODS_MS[unit as keyof typeof PERIODS_MS];
  throw new InvalidArgumentError('It must be a number of hours, days or weeks, such as 12h, 7d or 4w.');
}
