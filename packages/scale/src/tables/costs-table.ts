import { formatQuantity, type Unit } from '@ckptree/plot';
import { ASSUMPTION_NOTES } from '../costs/assumptions.js';
import { COSTS, type CostName, type CostsDocument } from '../costs/costs.js';
import type { Given, Table } from './table.js';

const UNITS: Readonly<Record<(typeof COSTS)[CostName][0], readonly [unit: Unit, suffix: string]>> = {
  s: ['seconds', ''],
  'cpu-s': ['seconds', ' cpu'],
  B: ['bytes', ''],
  'B/s': ['bytes', '/s'],
  '1': ['count', ''],
};

/** The costs with where they are from. */
export function costsTable({ machine, date, costs }: CostsDocument): Table {
  return {
    title: `What was measured: ${machine}, ${date}`,
    columns: ['cost', 'value', { words: 'of' }, { words: 'by' }],
    rows: (Object.keys(COSTS) as CostName[]).map((name) => {
      const [unit, what] = COSTS[name];
      const [kind, suffix] = UNITS[unit];
      return [name, `${formatQuantity(costs[name].value, kind)}${suffix}`, what, costs[name].source];
    }),
    notes: ['cpu: seconds of one core; the others are seconds of time.'],
  };
}

export const assumptionsTable = ({ assumed }: Pick<Given, 'assumed'>): Table => ({
  title: 'What is assumed (--assume NAME=VALUE)',
  columns: ['name', 'value', { words: 'what' }],
  rows: ASSUMPTION_NOTES.map(([name, what]) => [name, String(assumed[name]), what]),
  notes: [],
});
