import type { Marker } from './palette.js';
import { element } from './svg.js';

const R = 4;

/** Outlines around the origin, of much the same visual weight. */
const OUTLINES: Readonly<Record<Marker, string>> = {
  circle: `M${R},0A${R},${R} 0 1 1 ${-R},0A${R},${R} 0 1 1 ${R},0Z`,
  ring: `M${R},0A${R},${R} 0 1 1 ${-R},0A${R},${R} 0 1 1 ${R},0Z`,
  square: 'M-3.6,-3.6H3.6V3.6H-3.6Z',
  box: 'M-3.6,-3.6H3.6V3.6H-3.6Z',
  triangle: 'M0,-4.6L4.4,3.4H-4.4Z',
  wedge: 'M0,4.6L4.4,-3.4H-4.4Z',
  diamond: 'M0,-5L5,0L0,5L-5,0Z',
  lozenge: 'M0,-5L5,0L0,5L-5,0Z',
};

const HOLLOW: ReadonlySet<Marker> = new Set(['ring', 'box', 'wedge', 'lozenge']);

/** @param hint what a pointer that rests on it is told */
export function marker(shape: Marker, x: number, y: number, hint: string): string {
  const hollow = HOLLOW.has(shape);
  return element(
    'path',
    {
      d: OUTLINES[shape],
      transform: `translate(${x.toFixed(1)},${y.toFixed(1)})`,
      class: hollow ? 'ground' : 'halo',
      fill: hollow ? undefined : 'currentColor',
      stroke: hollow ? 'currentColor' : undefined,
      'stroke-width': hollow ? 2 : 1.5,
    },
    hint,
  );
}
