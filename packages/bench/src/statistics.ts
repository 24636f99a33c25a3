/** Figures of repeated runs: the median is what to quote, the range says how noisy the machine was. */
export interface Figures {
  readonly runs: number;
  readonly min: number;
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

export function figures(values: readonly number[]): Figures {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { runs: sorted.length, min: at(0), median: medianOf(sorted), p99: at(0.99), max: at(1) };
}

/** Of an even number, the middle of the two in the middle. */
function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** Of something that was counted once: it does not vary. */
export const exactly = (value: number): Figures => figures([value]);

/** Figures of something that falls when the other rises, such as throughput by time. */
export function inverse({ runs, min, median, p99, max }: Figures, of: (value: number) => number): Figures {
  return { runs, min: of(max), median: of(median), p99: of(p99), max: of(min) };
}

/** The same in another unit. */
export const scaled = ({ runs, min, median, p99, max }: Figures, by: number): Figures => ({
  ...{ runs, min: min * by, median: median * by },
  ...{ p99: p99 * by, max: max * by },
});
