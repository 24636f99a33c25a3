/** Amounts as people read them. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Three figures and a unit: `261 MiB`, `1.25 GiB`, `72 B`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1);
  return `${threeFigures(bytes / 2 ** (10 * power))} ${BYTE_UNITS[power]}`;
}

/** Three figures and a unit: `412 µs`, `3.2 ms`, `1.24 s`. */
export function formatDuration(microseconds: number): string {
  if (microseconds < 1_000) return `${threeFigures(microseconds)} µs`;
  if (microseconds < 1_000_000) return `${threeFigures(microseconds / 1_000)} ms`;
  return `${threeFigures(microseconds / 1_000_000)} s`;
}

const AGES = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** The largest unit that fits: `3 d`, `5 h`, `12 min`, `40 s`. @param ms clocks may differ: what is to come has age 0 */
export function formatAge(ms: number): string {
  const [unit, size] = AGES.find(([, unitMs]) => ms >= unitMs) ?? (['s', 1000] as const);
  return `${Math.max(0, Math.floor(ms / size))} ${unit}`;
}

/** `1234567` as `1,234,567`. */
export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** `1 task`, `2 tasks`. */
export const plural = (count: number, noun: string): string =>
  `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;

function threeFigures(value: number): string {
  const decimals = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(decimals);
}
