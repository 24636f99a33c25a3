import { classOf, type DrawnSeries } from './draw-series.js';
import type { Frame } from './frame.js';
import { spread, textWidth, wrap } from './label-layout.js';
import { element, text } from './svg.js';

const SIZE = 12.5;
const LINE = 15;
const GAP = 7;
/** A longer label is broken into lines. */
const WIDEST = 160;
/** Between the end of the plot and its labels; a label that had to move is joined to its line across it. */
const LEADER = 22;

const linesOf = ({ label }: DrawnSeries) => wrap(label, SIZE, WIDEST, 'bold');

/** What the labels need to the right of the plot. */
export function labelColumnWidth(series: readonly DrawnSeries[]): number {
  return LEADER + Math.max(0, ...series.flatMap(linesOf).map((line) => textWidth(line, SIZE, 'bold')));
}

/** Each series' name beside its last point. */
export function drawLabels(frame: Frame, series: readonly DrawnSeries[]): string {
  const ends = series.map(({ points }) => {
    const { x, y } = points.at(-1)!;
    return { x: frame.x.position(x), y: frame.y.position(y) };
  });
  const wanted = series.map((one, index) => ({
    at: ends[index]!.y,
    height: linesOf(one).length * LINE + GAP,
  }));
  const centres = spread(wanted, frame.top - LINE, frame.bottom + LINE);
  return series
    .map((one, index) => {
      const lines = linesOf(one);
      const centre = centres[index]!;
      const first = centre - ((lines.length - 1) * LINE) / 2 + SIZE * 0.35;
      const written = lines.map((line, place) =>
        text(
          {
            class: one.tint === undefined ? 'faint' : classOf(one),
            fill: one.tint === undefined ? undefined : 'currentColor',
            x: frame.right + LEADER,
            y: first + place * LINE,
            'font-size': SIZE,
            'font-weight': one.tint === undefined ? undefined : 600,
          },
          line,
        ),
      );
      return [leader(frame, one, ends[index]!, centre), ...written].join('\n');
    })
    .join('\n');
}

/** From the last point to its label, where they are not simply side by side. */
function leader(frame: Frame, series: DrawnSeries, end: { x: number; y: number }, centre: number): string {
  const near = end.x + 7;
  const elbow = Math.max(near, frame.right + 4);
  const reference = series.tint === undefined;
  return element('polyline', {
    class: classOf(series),
    points: [
      [near, end.y],
      [elbow, end.y],
      [frame.right + LEADER - 7, centre],
      [frame.right + LEADER - 4, centre],
    ]
      .map((pair) => pair.map((value) => value.toFixed(1)).join(','))
      .join(' '),
    fill: 'none',
    stroke: reference ? undefined : 'currentColor',
    'stroke-opacity': 0.55,
  });
}
