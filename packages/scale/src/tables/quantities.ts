import { formatQuantity } from '@ckptree/plot';

export const seconds = (value: number): string => formatQuantity(value, 'seconds');
export const bytes = (value: number): string => formatQuantity(value, 'bytes');
export const count = (value: number): string => formatQuantity(value, 'count');
export const percent = (value: number): string =>
  value > 0 && value < 0.0001 ? '< 0.01 %' : formatQuantity(value, 'share');
export const perSecond = (value: number): string => `${formatQuantity(value, 'count')}/s`;

/** A chance: where it is next to 1, what is missing counts. */
export function chance(value: number): string {
  if (value > 0.999_995) return '> 99.999 %';
  if (value > 0.99) return `${(value * 100).toFixed(3)} %`;
  if (value < 0.000_005) return '0';
  return percent(value);
}
