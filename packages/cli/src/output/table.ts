import Table from 'cli-table3';
import type { Palette } from './palette.js';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
}

/** Nothing but two spaces between the columns: easy to read, and to cut with other tools. */
// biome-ignore format: one line for the top, one for the middle, ...
const NO_BORDERS = {
  'top': '', 'top-mid': '', 'top-left': '', 'top-right': '',
  'bottom': '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  'left': '', 'left-mid': '', 'mid': '', 'mid-mid': '', 'right': '', 'right-mid': '', 'middle': '  ',
};

/** Rows under column titles, without a line end behind the last. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  palette: Palette,
): string {
  const table = new Table({
    head: columns.map(({ title }) => palette.faint(title)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    chars: NO_BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) table.push(columns.map(({ value }) => value(row)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Text from a file as it may be shown: what could steer a terminal is written as `\x1b`. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
