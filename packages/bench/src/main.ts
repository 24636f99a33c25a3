import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asCkptError } from '@ckptree/errors';
import { thisMachine } from './machine.js';
import { withOwnFolder } from './own-folder.js';
import { Report } from './report.js';
import type { Scenario } from './scenario.js';
import { cluster } from './scenarios/cluster.js';
import { dedup } from './scenarios/dedup.js';
import { downtime } from './scenarios/downtime.js';
import { incremental } from './scenarios/incremental.js';
import { indexOfChunks } from './scenarios/index-of-chunks.js';
import { oneMachine } from './scenarios/one-machine.js';
import { restart } from './scenarios/restart.js';
import { slowdown } from './scenarios/slowdown.js';
import { store } from './scenarios/store.js';
import { tasks } from './scenarios/tasks.js';

const SCENARIOS: readonly Scenario[] = [
  ...[oneMachine, downtime, slowdown, tasks],
  ...[store, dedup, incremental, restart, indexOfChunks],
  cluster,
];

const HELP = `usage: npm run bench [-- [NAME ...] [--memory MiB] [--runs N] [OPTION ...]]

Measures ckptree against what this machine can do, in one run; quote the ratios.

  NAME          a scenario (all when absent):
${SCENARIOS.map(({ name, summary }) => `                ${name}: ${summary}`).join('\n')}
  --memory MiB  task memory (default 1024)
  --runs N      counted runs of each thing, after those that warm up (default 5)
  --chunks N    chunks in the store of scenario index (default 10000000)
  --folder DIR  where files go: on the disk to be measured (default: the system's temporary folder)
  --core FILE   an ELF core whose memory to use (default: that of a Node process made for it, by gdb)
  --json FILE   also writes the figures there
  --plots DIR   also draws curves there, as SVG
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
      chunks: { type: 'string', default: '10000000' },
      core: { type: 'string' },
      json: { type: 'string' },
      plots: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const chosen = SCENARIOS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const memoryMiB = Number(values.memory);
  const runs = Number(values.runs);
  const chunks = Number(values.chunks);
  const areCounts = [memoryMiB, runs, chunks].every((count) => count >= 1);
  if (values.help || chosen.length < positionals.length || !areCounts) {
    process.stderr.write(HELP);
    return values.help ? 0 : 2;
  }
  const { json, plots } = values;
  const report = new Report({ machine: thisMachine(), memoryMiB, runs, plots, json });
  return withOwnFolder(resolve(values.folder), async (folder) => {
    const options = {
      ...{ folder, runs, memoryMiB, chunks },
      ...(values.core !== undefined && { core: resolve(values.core) }),
      tell: (message: string) => process.stderr.write(`  ${message}\n`),
    };
    for (const { name, measure } of chosen)
      for await (const finding of measure(options)) await report.add(name, finding);
    return 0;
  });
}
