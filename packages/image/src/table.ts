/** A column of a table: its title, and which side its cells stand on. */
export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table whose columns are as wide as they must be. */
export const table = (columns: readonly Column[], rows: readonly (readonly string[])[]): string[] => [
  ...tableLines(columns, rows),
];

/** The same one by one, for tables of any length. @param rows gone through twice */
export function* tableLines(
  columns: readonly Column[],
  rows: Iterable<readonly string[]>,
): Generator<string> {
  const widths = columns.map(({ title }) => title.length);
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index] ?? '';
        if (align === 'right') return cell.padStart(widths[index]!);
        return index < columns.length - 1 ? cell.padEnd(widths[index]!) : cell;
      })
      .join('  ')
      .trimEnd();
  yield line(columns.map(({ title }) => title));
  for (const row of rows) yield line(row);
}
