import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { wholeNumber } from '../arguments.js';

const keep = <const Which extends string>(which: Which, meaning: string) =>
  new Option(`--keep-${which} <n>` as const, meaning).argParser(wholeNumber(1, 1_000_000));

const PERIODS_MS = { h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** `7d` in milliseconds. */
function parsePeriod(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([hdw])$/.exec(text) ?? [];
  if (count !== undefined && unit !== undefined)
    return Number(count) * PERIODS_MS[unit as keyof typeof PERIODS_MS];
  throw new InvalidArgumentError('It must be a number of hours, days or weeks, such as 12h, 7d or 4w.');
}

/** The rules by which checkpoints are kept, as options. */
export const keepOptions = {
  last: keep('last', 'keep the newest n'),
  hourly: keep('hourly', 'keep the newest of each of the last n hours that have any'),
  daily: keep('daily', 'the same for days (of UTC)'),
  weekly: keep('weekly', 'the same for weeks'),
  within: new Option('--keep-within <period>', 'keep all that are younger, such as 7d or 12h').argParser(
    parsePeriod,
  ),
} as const;

interface Kept {
  readonly keepLast?: number | undefined;
  readonly keepHourly?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepWithin?: number | undefined;
}

/** The rules that were given. */
export const policyOf = ({ keepLast, keepHourly, keepDaily, keepWeekly, keepWithin }: Kept) => ({
  ...(keepLast !== undefined && { keepLast }),
  ...(keepHourly !== undefined && { keepHourly }),
  ...(keepDaily !== undefined && { keepDaily }),
  ...(keepWeekly !== undefined && { keepWeekly }),
  ...(keepWithin !== undefined && { keepWithinMs: keepWithin }),
});
