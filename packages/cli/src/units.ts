/** Units in which amounts are given on the command line, ascending. */
export const SIZE_UNITS = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
/** In milliseconds. */
export const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** The whole amount as it can be given: `256G`, not 274877906944; `90m`, `1500ms`. */
export function asGiven(amount: number, units: Readonly<Record<string, number>>): string {
  const fits = ([, size]: [string, number]): boolean => amount >= size && amount % size === 0;
  const [unit, size] = Object.entries(units).findLast(fits) ?? ['', 1];
  return `${amount / size}${unit}`;
}
