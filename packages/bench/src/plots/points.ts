import type { Point } from '@ckptree/plot';
import type { Figures } from '../statistics.js';

/** Median and range of repeated runs, as a plot has them. @param scale into the unit of the axis */
export const pointOf = (x: number, { median, min, max }: Figures, scale = 1): Point => ({
  ...{ x, y: median * scale },
  ...{ low: min * scale, high: max * scale },
});
