import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asCkptError } from '@ckptree/errors';
import type { Measurement, Scenario } from './scenario.js';
import { oneMachine } from './scenarios/one-machine.js';

const SCENARIOS: readonly Scenario[] = [oneMachine];

const HELP = `usage: npm run bench [-- [NAME] [--memory MiB] [--runs N] [--folder DIR] [--json FILE]]

Measures ckptree against what this machine can do, in one run; quote the ratios.

  NAME          a scenario (all when absent):
${SCENARIOS.map(({ name, summary }) => `                ${name}: ${summary}`).join('\n')}
  --memory MiB  task memory (default 1024)
  --runs N      counted runs of each thing, after one that warms up (default 5)
  --folder DIR  where files go: on the disk to be measured (default: the system's temporary folder)
  --json FILE   also writes the figures there
`;

/** @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    const { code, message } = asCkptError(error);
    process.stderr.write(`bench: ${code}: ${message}\n`);
    return 1;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      memory: { type: 'string', default: '1024' },
      runs: { type: 'string', default: '5' },
      folder: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const memoryMiB = Number(values.memory);
  const runs = Number(values.runs);
  if (values.help || chosen.length < positionals.length || !(memoryMiB >= 1) || !(runs >= 1)) {
    process.stderr.write(HELP);
    return values.help ? 0 : 2;
  }
  const folder = await mkdtemp(join(resolve(values.folder), 'ckptree-bench-'));
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model ?? '',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
  process.stdout.write(
    `${machine.cores} x ${machine.model}, ${machine.memoryGiB} GiB, Node ${machine.node}\n`,
  );
  try {
    const results = [];
    for (const scenario of chosen) {
      const measurements = await scenario.run({
        folder,
        runs,
        memoryMiB,
        tell: (message) => process.stderr.write(`  ${message}\n`),
      });
      process.stdout.write(
        `\n${scenario.name}, ${memoryMiB} MiB: median (min to max) of ${runs} runs\n${table(measurements)}`,
      );
      results.push({ scenario: scenario.name, memoryMiB, measurements });
    }
    if (values.json !== undefined)
      await writeFile(
        values.json,
        `${JSON.stringify({ date: new Date().toISOString(), machine, results }, null, 2)}\n`,
      );
    return 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function table(measurements: readonly Measurement[]): string {
  const width = Math.max(...measurements.map(({ what }) => what.length));
  const number = (value: number) => value.toPrecision(3);
  return measurements
    .map(({ what, unit, figures: { median, min, max }, ratio }) => {
      const held = ratio === undefined ? '' : `   ${ratio.value.toFixed(2)} x ${ratio.to}`;
      return `  ${what.padEnd(width)}  ${number(median).padStart(7)} ${unit} (${number(min)} to ${number(max)})${held}\n`;
    })
    .join('');
}
