import type { Frame } from './frame.js';
import { textWidth } from './label-layout.js';
import type { Plot } from './plot.js';
import { element, text } from './svg.js';

const SIZE = 12;
const TICK = 5;
const MINOR_TICK = 3;

/** Grid lines for `y`, a base line with ticks for `x`, and what is on the `x` axis; that of `y` stands above the plot. */
export function drawAxes(frame: Frame, { x }: Plot): string {
  const { left, right, bottom } = frame;
  const vertical = (at: number, length: number) =>
    element('line', { class: 'rule', x1: at, x2: at, y1: bottom, y2: bottom + length });
  return [
    ...frame.y.ticks.flatMap(({ position, label }) => [
      element('line', { class: 'grid', x1: left, x2: right, y1: position, y2: position }),
      text({ class: 'faint', x: left - 8, y: position + 4, 'font-size': SIZE, 'text-anchor': 'end' }, label),
    ]),
    element('line', { class: 'rule', x1: left, x2: right, y1: bottom, y2: bottom }),
    ...frame.x.minorTicks.map((position) => vertical(position, MINOR_TICK)),
    ...uncrowded(frame).flatMap(({ position, label }) => [
      vertical(position, TICK),
      text(
        { class: 'faint', x: position, y: bottom + 19, 'font-size': SIZE, 'text-anchor': 'middle' },
        label,
      ),
    ]),
    text(
      {
        class: 'ink',
        x: (left + right) / 2,
        y: bottom + 40,
        'font-size': SIZE + 0.5,
        'text-anchor': 'middle',
      },
      x.label,
    ),
  ].join('\n');
}

/** The ticks of `x` without those whose label would touch the one before. */
function uncrowded({ x }: Frame): Frame['x']['ticks'] {
  let edge = Number.NEGATIVE_INFINITY;
  return x.ticks.filter(({ position, label }) => {
    const half = textWidth(label, SIZE) / 2;
    if (position - half < edge + 6) return false;
    edge = position + half;
    return true;
  });
}
