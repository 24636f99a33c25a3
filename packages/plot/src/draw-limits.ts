import type { Frame } from './frame.js';
import { textWidth } from './label-layout.js';
import type { Limit } from './plot.js';
import { element, text } from './svg.js';

const SIZE = 12;

/** Goals and limits: a dotted line from edge to edge, with its name on it. */
export function drawLimits(frame: Frame, limits: readonly Limit[]): string {
  return limits
    .map((limit) => (limit.axis === 'y' ? across(frame, limit) : upright(frame, limit)))
    .join('\n');
}

const LINE = { class: 'rule', 'stroke-width': 1.5, 'stroke-dasharray': '1.5 4', 'stroke-linecap': 'round' };
/** Outlined in the colour of the ground, so that it stays readable where it crosses a line. */
const NAME = {
  class: 'faint halo',
  'font-size': SIZE,
  'font-style': 'italic',
  'stroke-width': 4,
  'stroke-linejoin': 'round',
  'paint-order': 'stroke',
};

function across({ left, right, y }: Frame, { at, label }: Limit): string {
  const height = y.position(at);
  return [
    element('line', { ...LINE, x1: left, x2: right, y1: height, y2: height }),
    text({ ...NAME, x: left + 6, y: height - 6 }, label),
  ].join('\n');
}

function upright({ left, right, top, bottom, x }: Frame, { at, label }: Limit): string {
  const place = x.position(at);
  const toTheLeft = place + textWidth(label, SIZE) + 8 > right && place - left > right - place;
  return [
    element('line', { ...LINE, x1: place, x2: place, y1: top, y2: bottom }),
    text(
      {
        ...NAME,
        x: place + (toTheLeft ? -6 : 6),
        y: top + SIZE,
        'text-anchor': toTheLeft ? 'end' : undefined,
      },
      label,
    ),
  ].join('\n');
}
