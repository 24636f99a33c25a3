import { area, line } from 'd3-shape';
import type { Frame } from './frame.js';
import { marker } from './markers.js';
import { PALETTE } from './palette.js';
import type { Plot, Point, Series } from './plot.js';
import { formatQuantity } from './quantity.js';
import { element, escapeText } from './svg.js';

/** A series with its points in order and its place in the palette. */
export interface DrawnSeries extends Series {
  readonly tint: number | undefined;
}

/** Used with `map` over all series: references take no place in the palette. */
export function inOrder(series: Series, index: number, all: readonly Series[]): DrawnSeries {
  const figures = all.slice(0, index).filter(({ role }) => role !== 'reference').length;
  return {
    ...series,
    points: series.points.toSorted((a, b) => a.x - b.x),
    tint: series.role === 'reference' ? undefined : figures,
  };
}

export const classOf = ({ tint }: DrawnSeries): string => (tint === undefined ? 'rule' : `s${tint}`);

/** The range of repeated runs, where points have one. */
export function drawBand({ x, y }: Frame, series: DrawnSeries): string {
  const ranged = series.points.filter(({ low }) => low !== undefined);
  if (ranged.length < 2) return '';
  const path = area<Point>()
    .x((point) => x.position(point.x))
    .y0(({ low }) => y.position(low!))
    .y1(({ high }) => y.position(high!))
    .digits(1);
  return element('path', {
    class: series.tint === undefined ? 'faint' : classOf(series),
    d: path(ranged) ?? undefined,
    fill: series.tint === undefined ? undefined : 'currentColor',
    'fill-opacity': 0.14,
  });
}

export function drawLine({ x, y }: Frame, series: DrawnSeries): string {
  const path = line<Point>()
    .x((point) => x.position(point.x))
    .y((point) => y.position(point.y))
    .digits(1);
  const reference = series.tint === undefined;
  return element('path', {
    class: classOf(series),
    d: path(series.points) ?? undefined,
    fill: 'none',
    stroke: reference ? undefined : 'currentColor',
    'stroke-width': reference ? 1.5 : 2.25,
    'stroke-dasharray': reference ? '5 4' : undefined,
    'stroke-linejoin': 'round',
    'stroke-linecap': 'round',
  });
}

export function drawMarkers({ x, y }: Frame, series: DrawnSeries, plot: Plot): string {
  if (series.tint === undefined) return '';
  const { marker: shape } = PALETTE[series.tint]!;
  const marks = series.points.map((point) => {
    const at = formatQuantity(point.x, plot.x.unit ?? 'count');
    const value = formatQuantity(point.y, plot.y.unit ?? 'count');
    const hint = element('title', {}, escapeText(`${series.label}: ${value} at ${at}`));
    return marker(shape, x.position(point.x), y.position(point.y), hint);
  });
  return element('g', { class: classOf(series) }, ...marks.map((mark) => `\n${mark}`));
}
