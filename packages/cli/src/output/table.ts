import { type Column as TextColumn, table } from '@ckptree/image/table';
import type { Palette } from './palette.js';

export interface Column<Row> extends TextColumn {
  readonly value: (row: Row) => string;
}

/** Rows under column titles, two spaces between them: easy to read, and to cut with other tools. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  palette: Palette,
): string {
  const [titles = '', ...lines] = table(
    columns,
    rows.map((row) => columns.map(({ value }) => value(row))),
  );
  return [palette.faint(titles), ...lines, ''].join('\n');
}
