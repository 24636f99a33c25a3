import type { AxisScale } from './axis-scale.js';

/** Where things are on the page, in pixels from its top left corner. */
export interface Frame {
  /** Edges of the area in which lines are drawn. */
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Of the page. */
  readonly width: number;
  readonly x: AxisScale;
  readonly y: AxisScale;
}
