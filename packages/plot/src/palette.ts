/** The colour of one thing on light and on dark ground. */
export interface Tint {
  readonly light: string;
  readonly dark: string;
}

export const GROUND: Tint = { light: '#ffffff', dark: '#14181e' };
export const INK: Tint = { light: '#1b2027', dark: '#e8edf3' };
/** Labels of axes and ticks. */
export const FAINT_INK: Tint = { light: '#59636e', dark: '#9aa5b1' };
export const GRID: Tint = { light: '#e6e9ed', dark: '#2a3038' };

export type Marker = 'circle' | 'square' | 'triangle' | 'diamond' | 'ring' | 'box' | 'wedge' | 'lozenge';

/**
 * One entry for each series, in order. Colours have a contrast of at least 4.5 with their ground (WCAG 2.2, 1.4.3: they
 * colour labels, too), and no series is told by its colour alone: each has a marker and a label of its own (1.4.1).
 */
export const PALETTE: readonly (Tint & { readonly marker: Marker })[] = [
  { light: '#0b5fc1', dark: '#6cb0ff', marker: 'circle' },
  { light: '#b84a06', dark: '#ff9d5c', marker: 'square' },
  { light: '#187545', dark: '#57cf8d', marker: 'triangle' },
  { light: '#8434bd', dark: '#cf9bff', marker: 'diamond' },
  { light: '#bd1f55', dark: '#ff86ad', marker: 'ring' },
  { light: '#0b6b82', dark: '#4dcfe0', marker: 'box' },
  { light: '#6d5f00', dark: '#d8c64a', marker: 'wedge' },
  { light: '#66503f', dark: '#cbae9a', marker: 'lozenge' },
];
