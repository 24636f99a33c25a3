import type { Axis, Plot } from './plot.js';
import { formatQuantity } from './quantity.js';

const quantity = (axis: Axis, value: number) => formatQuantity(value, axis.unit ?? 'count');

/** The plot in words, with every point: for who does not see it. */
export function describePlot({ x, y, series, limits = [], subtitle }: Plot): string {
  const lines = series.map(({ label, points }) => {
    const values = points
      .toSorted((a, b) => a.x - b.x)
      .map((point) => `${quantity(y, point.y)} at ${quantity(x, point.x)}`);
    return `${label}: ${values.join(', ')}.`;
  });
  const marks = limits.map(({ axis, at, label }) => {
    const along = axis === 'x' ? x : y;
    return `Line at ${quantity(along, at)} ${along.label}: ${label}.`;
  });
  return [`${y.label} against ${x.label}.`, subtitle ?? '', ...lines, ...marks]
    .filter((part) => part !== '')
    .join(' ');
}
