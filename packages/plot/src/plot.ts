/** What an axis counts. It decides how its numbers read: `10k`, `64 MiB`, `2.5 ms`, `15 %`. */
export type Unit = 'count' | 'bytes' | 'seconds' | 'share';

export interface Axis {
  /** What is on it, in a few words: it stands beside the axis. */
  readonly label: string;
  /** Default `linear`. On a `log` axis every value must be above 0. */
  readonly scale?: 'linear' | 'log';
  /** Default `count`: a plain number of whatever the label says. A `share` is from 0 to 1 and reads as a percentage. */
  readonly unit?: Unit;
  /** First and last value, with all points between; default: what the points need, and 0 on a linear axis. */
  readonly domain?: readonly [number, number];
  /** Where ticks stand; default: round numbers. For values that were chosen, such as 1, 2 and 4 threads. */
  readonly ticks?: readonly number[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** The range of `y` over repeated runs; drawn as a band. */
  readonly low?: number;
  readonly high?: number;
}

export interface Series {
  /** Stands at the line's end. */
  readonly label: string;
  /** In any order; they are joined by ascending `x`. */
  readonly points: readonly Point[];
  /** `reference`: what the others are held against; grey, dashed, without markers. Default `figure`. */
  readonly role?: 'figure' | 'reference';
}

/** A line across the plot: a goal, a limit. */
export interface Limit {
  readonly axis: 'x' | 'y';
  readonly at: number;
  readonly label: string;
}

export interface Plot {
  /** What there is to see, as a sentence: the finding and not only the quantities. */
  readonly title: string;
  /** Under the title: what was measured or assumed, where, when. */
  readonly subtitle?: string;
  /** At the foot, small: the command that drew it. */
  readonly source?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
  readonly limits?: readonly Limit[];
}
