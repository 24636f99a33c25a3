import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asCkptError, CkptError } from '@ckptree/errors';
import { renderPlot } from '@ckptree/plot';
import { assume } from './costs/assumptions.js';
import { COSTS_FILE, type CostsDocument, costsOf, readCosts } from './costs/costs.js';
import { TABLES } from './tables/all-tables.js';
import { assumptionsTable, costsTable } from './tables/costs-table.js';
import { formatTable, type Given, type NamedTable } from './tables/table.js';

const DEFAULT_SEED = 1;

const HELP = `usage: npm run scale [-- [TABLE...] [--seed N] [--assume NAME=VALUE]... [--costs FILE] [--plots FOLDER]]
       npm run scale -- measure [--output FILE] [--folder FOLDER] [--best]
       npm run scale -- compare [--folder FOLDER]
       npm run scale -- costs

Ten thousand workers on paper: a simulation driven by measured costs. The same seed gives the same output.

  TABLE          (all when absent):
${TABLES.map(({ name, summary }) => `    ${name.padEnd(12)} ${summary}`).join('\n')}
  --seed N       of the random numbers (default ${DEFAULT_SEED})
  --assume ...   changes an assumption; \`costs\` lists them
  --costs FILE   uses other costs than those that come with the package
  --plots FOLDER also draws, as SVG
  measure        measures what can be measured on this machine: half a minute
  --best         keeps the better figures of --costs: on a busy machine, measure several times
  --output FILE  where the costs go (default: prints them)
  --folder FOLDER  on the disk that is to be measured (default: here)
  compare        cuts real trees over a real nats-server, beside the same in the simulation
  costs          prints costs and assumptions
`;

const OPTIONS = {
  seed: { type: 'string', default: String(DEFAULT_SEED) },
  assume: { type: 'string', multiple: true, default: [] as string[] },
  costs: { type: 'string', default: COSTS_FILE },
  plots: { type: 'string' },
  output: { type: 'string' },
  folder: { type: 'string', default: '.' },
  best: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const known = await readCosts(values.costs);
    const [command] = positionals;
    if (command === 'measure') return await measureTo(values, known);
    const given = { costs: costsOf(known), assumed: assume(values.assume), seed: seedOf(values.seed) };
    if (command === 'costs')
      process.stdout.write(`${formatTable(costsTable(known))}\n${formatTable(assumptionsTable(given))}`);
    else if (command === 'compare') await printComparison(given, values.folder);
    else await printTables(chosen(positionals), given, values.plots);
    return 0;
  } catch (error) {
    const { code, message } = asCkptError(error);
    process.stderr.write(`scale: ${code}: ${message}\n`);
    return 1;
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    throw new CkptError('EINVAL', `${(error as Error).message}; see --help`, {}, error);
  }
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (text === '' || !Number.isSafeInteger(seed))
    throw new CkptError('EINVAL', `the seed "${text}" is no whole number`, { field: 'seed' });
  return seed;
}

function chosen(names: readonly string[]): readonly NamedTable[] {
  for (const name of names)
    if (!TABLES.some((table) => table.name === name))
      throw new CkptError('EINVAL', `there is no table "${name}"; see --help`, { field: name });
  return names.length === 0 ? TABLES : TABLES.filter(({ name }) => names.includes(name));
}

async function printTables(
  tables: readonly NamedTable[],
  given: Given,
  plots: string | undefined,
): Promise<void> {
  if (plots !== undefined) await mkdir(plots, { recursive: true });
  for (const [index, { name, compute }] of tables.entries()) {
    const table = compute(given);
    process.stdout.write(`${index === 0 ? '' : '\n'}${formatTable(table)}`);
    if (plots !== undefined && table.plot !== undefined)
      await writeFile(join(plots, `scale-${name}.svg`), renderPlot(table.plot));
  }
}

// What needs a kernel and NATS is loaded only when it is asked for.
async function printComparison({ costs, seed }: Given, folder: string): Promise<void> {
  const { compare } = await import('./compare/compare.js');
  process.stdout.write(formatTable(await compare(costs, seed, folder)));
}

async function measureTo(
  {
    output,
    folder,
    best,
  }: { readonly output?: string | undefined; readonly folder: string; readonly best: boolean },
  known: CostsDocument,
): Promise<number> {
  const { measure } = await import('./measure/measure.js');
  const measured = await measure({
    folder,
    known,
    best,
    tell: (message) => process.stderr.write(`  ${message}\n`),
  });
  const text = `${JSON.stringify(measured, null, 2)}\n`;
  if (output === undefined) process.stdout.write(text);
  else await writeFile(output, text);
  return 0;
}
