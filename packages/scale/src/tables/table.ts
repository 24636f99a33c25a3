import { table as alignedTable } from '@ckptree/image/table';
import type { Plot } from '@ckptree/plot';
import type { Assumptions } from '../costs/assumptions.js';
import type { Costs } from '../costs/costs.js';
import { Random } from '../engine/random.js';

/** What a table is computed from. */
export interface Given {
  readonly costs: Costs;
  readonly assumed: Assumptions;
  readonly seed: number;
}

/** One question and what comes of it. */
export interface Table {
  readonly title: string;
  /** Numbers stand on the right, words (`{ words }`) and the first column on the left. */
  readonly columns: readonly (string | { readonly words: string })[];
  readonly rows: readonly (readonly string[])[];
  /** What is assumed beside the costs, and what is to be seen. */
  readonly notes: readonly string[];
  readonly plot?: Plot;
}

/** A table by the name that the command line knows it by. */
export interface NamedTable {
  readonly name: string;
  readonly summary: string;
  compute(given: Given): Table;
}

/** Random numbers of one cell: no other cell changes when this one is computed in another way. */
export const cellRandom = ({ seed }: Given, table: string, ...cell: readonly (string | number)[]): Random =>
  Random.stream(seed, [table, ...cell].join(' '));

export function formatTable({ title, columns, rows, notes }: Table): string {
  const aligned = columns.map((column, index) =>
    typeof column === 'string'
      ? { title: column, align: index === 0 ? ('left' as const) : ('right' as const) }
      : { title: column.words },
  );
  return [title, '', ...alignedTable(aligned, rows), '', ...notes.map((note) => `  ${note}`), ''].join('\n');
}
