import pc from 'picocolors';

/** What colour a piece of text has by its meaning. */
export interface Palette {
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  /** What the eye should find first. */
  readonly strong: (text: string) => string;
  /** What it may pass over. */
  readonly faint: (text: string) => string;
  readonly accent: (text: string) => string;
}

export function paletteOf(coloured: boolean): Palette {
  const { green, red, bold, dim, cyan } = pc.createColors(coloured);
  return { good: green, bad: red, strong: bold, faint: dim, accent: cyan };
}

/** Whether a stream wants colours: a terminal that has them, with the last word to NO_COLOR and FORCE_COLOR. */
export function wantsColours(stream: NodeJS.WriteStream): boolean {
  if ((process.env.NO_COLOR ?? '') !== '') return false;
  return stream.isTTY === true && stream.hasColors();
}
