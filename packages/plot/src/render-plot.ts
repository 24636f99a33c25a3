import { axisScale } from './axis-scale.js';
import { checkPlot } from './check-plot.js';
import { describePlot } from './describe.js';
import { drawAxes } from './draw-axes.js';
import { drawLabels, labelColumnWidth } from './draw-labels.js';
import { drawLimits } from './draw-limits.js';
import { drawBand, drawLine, drawMarkers, inOrder } from './draw-series.js';
import { textWidth, wrap } from './label-layout.js';
import type { Plot, Series } from './plot.js';
import { styleSheet } from './style-sheet.js';
import { element, escapeText, text } from './svg.js';

const WIDTH = 760;
/** Of the area in which lines are drawn. */
const HEIGHT = 300;
const MARGIN = 20;
const TITLE = { size: 17, line: 22 };
const SMALL = { size: 12.5, line: 17 };
const TICK_SIZE = 12;

/**
 * A plot as an SVG document: 760 pixels wide, scales to any width, light or dark as the reader's page is, with labels at the
 * ends of lines instead of a legend, and with all of its points as text. The same plot gives the same bytes.
 * @throws EINVAL a value that has no place on its axis, naming the field
 */
export function renderPlot(plot: Plot): string {
  checkPlot(plot);
  const series = plot.series.map(inOrder);
  const head = heading(plot);
  const foot = plot.source === undefined ? [] : wrap(plot.source, TICK_SIZE, WIDTH - 2 * MARGIN);
  const top = head.height + 14;
  const bottom = top + HEIGHT;
  const yScale = axisScale(plot.y, valuesOf(plot, series, 'y'), [bottom, top]);
  const left = MARGIN + Math.max(0, ...yScale.ticks.map(({ label }) => textWidth(label, TICK_SIZE))) + 8;
  const right = WIDTH - MARGIN - labelColumnWidth(series);
  const xScale = axisScale(plot.x, valuesOf(plot, series, 'x'), [left, right]);
  const height = bottom + 50 + foot.length * 16 + (foot.length > 0 ? 8 : 0);
  const frame = { left, right, top, bottom, width: WIDTH, x: xScale, y: yScale };
  const body = [
    element('title', {}, escapeText(plot.title)),
    element('desc', {}, escapeText(describePlot(plot))),
    element('style', {}, styleSheet(plot.series.filter(({ role }) => role !== 'reference').length)),
    element('rect', { class: 'ground', width: WIDTH, height, rx: 6 }),
    head.markup,
    drawAxes(frame, plot),
    ...series.map((one) => drawBand(frame, one)),
    drawLimits(frame, plot.limits ?? []),
    ...series.map((one) => drawLine(frame, one)),
    ...series.map((one) => drawMarkers(frame, one, plot)),
    drawLabels(frame, series),
    ...foot.map((line, index) =>
      text({ class: 'faint', x: MARGIN, y: bottom + 66 + index * 16, 'font-size': TICK_SIZE - 1 }, line),
    ),
  ];
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${WIDTH} ${Math.round(height)}`,
      width: WIDTH,
      height: Math.round(height),
      role: 'img',
      'aria-label': plot.title,
    },
    ...body.map((part) => (part === '' ? '' : `\n${part}`)),
    '\n',
  )}\n`;
}

/** Title and subtitle, and how much height they take. */
function heading({ title, subtitle, y }: Plot): { markup: string; height: number } {
  const inner = WIDTH - 2 * MARGIN;
  let baseline = 14;
  const lines: string[] = [];
  for (const line of wrap(title, TITLE.size, inner, 'bold')) {
    baseline += TITLE.line;
    lines.push(
      text({ class: 'ink', x: MARGIN, y: baseline, 'font-size': TITLE.size, 'font-weight': 600 }, line),
    );
  }
  for (const line of wrap(subtitle ?? '', SMALL.size, inner)) {
    baseline += SMALL.line + 1;
    lines.push(text({ class: 'faint', x: MARGIN, y: baseline, 'font-size': SMALL.size }, line));
  }
  baseline += SMALL.line + 10;
  lines.push(text({ class: 'ink', x: MARGIN, y: baseline, 'font-size': SMALL.size }, y.label));
  return { markup: lines.join('\n'), height: baseline };
}

function valuesOf(plot: Plot, series: readonly Series[], axis: 'x' | 'y'): number[] {
  const points = series.flatMap((one) => one.points);
  const limits = (plot.limits ?? []).filter((limit) => limit.axis === axis).map(({ at }) => at);
  const drawn =
    axis === 'x' ? points.map(({ x }) => x) : points.flatMap(({ y, low = y, high = y }) => [low, y, high]);
  return [...drawn, ...limits];
}
