import { FAINT_INK, GRID, GROUND, INK, PALETTE, type Tint } from './palette.js';

/** Colours by class, so that a dark page gets dark ones also where the picture is only linked (`<img>`). */
export function styleSheet(series: number): string {
  const tints: readonly (readonly [string, 'fill' | 'stroke' | 'color', Tint])[] = [
    ['.ground', 'fill', GROUND],
    ['.ink', 'fill', INK],
    ['.faint', 'fill', FAINT_INK],
    ['.grid', 'stroke', GRID],
    ['.rule', 'stroke', FAINT_INK],
    ['.halo', 'stroke', GROUND],
    ...PALETTE.slice(0, series).map((tint, index) => [`.s${index}`, 'color', tint] as const),
  ];
  const rules = (ground: keyof Tint) =>
    tints.map(([name, what, tint]) => `${name}{${what}:${tint[ground]}}`).join('');
  return `text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}${rules('light')}@media(prefers-color-scheme:dark){${rules('dark')}}`;
}
