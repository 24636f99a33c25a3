import { CkptError } from '@ckptree/errors';
import { PALETTE } from './palette.js';
import type { Axis, Plot, Point } from './plot.js';

/** @throws EINVAL naming the field that cannot be drawn */
export function checkPlot(plot: Plot): void {
  if (plot.series.length === 0) refuse('series', 'there is nothing to draw: a plot needs a series');
  const figures = plot.series.filter(({ role }) => role !== 'reference').length;
  if (figures > PALETTE.length)
    refuse('series', `${figures} series cannot be told apart; ${PALETTE.length} can, so split the plot`);
  checkAxis(plot.x, 'x');
  checkAxis(plot.y, 'y');
  for (const [index, { label, points }] of plot.series.entries()) {
    if (points.length === 0) refuse(`series/${index}/points`, `series "${label}" has no points`);
    for (const [place, point] of points.entries())
      checkPoint(plot, point, `series/${index}/points/${place}`, label);
  }
  for (const [index, { axis, at, label }] of (plot.limits ?? []).entries())
    checkValue(plot[axis], at, `limits/${index}/at`, `limit "${label}"`);
}

function checkAxis(axis: Axis, name: 'x' | 'y'): void {
  const { domain: [first, last] = [1, 2], ...unbounded } = axis;
  checkValue(unbounded, first, `${name}/domain/0`, `the ${name} axis`);
  checkValue(unbounded, last, `${name}/domain/1`, `the ${name} axis`);
  if (first >= last)
    refuse(`${name}/domain`, `the ${name} axis goes from ${first} to ${last}; it must ascend`);
  for (const [index, tick] of (axis.ticks ?? []).entries())
    checkValue(axis, tick, `${name}/ticks/${index}`, `the ${name} axis`);
}

function checkPoint(plot: Plot, { x, y, low, high }: Point, field: string, label: string): void {
  checkValue(plot.x, x, `${field}/x`, `series "${label}"`);
  checkValue(plot.y, y, `${field}/y`, `series "${label}"`);
  if ((low === undefined) !== (high === undefined))
    refuse(field, `series "${label}" has a range with one end; give low and high, or neither`);
  if (low === undefined || high === undefined) return;
  checkValue(plot.y, low, `${field}/low`, `series "${label}"`);
  checkValue(plot.y, high, `${field}/high`, `series "${label}"`);
  if (low > high) refuse(field, `series "${label}" has a range from ${low} down to ${high}`);
}

function checkValue({ scale, domain }: Axis, value: number, field: string, where: string): void {
  if (!Number.isFinite(value)) refuse(field, `${where} has the value ${value}; it must be a finite number`);
  if (scale === 'log' && value <= 0)
    refuse(field, `${where} has the value ${value}, which has no place on a logarithmic axis`);
  if (domain !== undefined && (value < domain[0] || value > domain[1]))
    refuse(field, `${where} has the value ${value}, and the axis goes from ${domain[0]} to ${domain[1]}`);
}

function refuse(field: string, message: string): never {
  throw new CkptError('EINVAL', message, { field });
}
