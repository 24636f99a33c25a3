import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asCkptError, CkptError } from '@ckptree/errors';
import { type DrillReport, drill } from './drill.js';
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.js';

const PAUSE_MS = { least: 1_500, most: 9_000 };

const HELP = `usage: npm run drill [-- [--minutes N] [--seed N] [--faults NAME,...] [OPTION ...]]

A cluster of processes on this machine, users who spawn, save, freeze, kill and restart trees, schedules, retention, and faults at random. Looks
out for what must never be: a task whose result is not that of an undisturbed run, one that stays frozen or is there twice, a checkpoint that ends
twice or never, an event that is lost, doubled or out of order, a listed checkpoint with a wrong byte, a service that crashes by itself, an answer
that blames the user.

  --minutes N      of faults, every few seconds one (default 5); it takes two or three more until all has ended
  --seed N         chooses what happens (default: a random one, which is told)
  --faults NAMES   (default: all)
${FAULT_NAMES.map((name) => `                     ${name.padEnd(17)} ${FAULTS[name].summary}`).join('\n')}
  --users N        each with one tree of five tasks (default 3)
  --workers N      (default 3)
  --storages N     (default 2)
  --coordinators N (default 2)
  --carrier NAME   how packs reach the store: volume (default) or nats
  --encrypt        the store
  --folder DIR     where the cluster has its data, which stays when something is wrong (default: the system's temporary folder)
`;

/** @returns the exit code: 0 all held, 1 something did not, 2 the arguments are wrong, 130 interrupted */
export async function main(args: readonly string[]): Promise<number> {
  const interruption = new AbortController();
  const onSignal = (): void => interruption.abort();
  for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  try {
    return await run(args, interruption.signal);
  } catch (error) {
    const { code, message } = asCkptError(error);
    process.stderr.write(`drill: ${code}: ${message}\n`);
    // Users are in the midst of something.
    if (interruption.signal.aborted) process.exit(130);
    return code === 'EINVAL' ? 2 : 1;
  }
}

async function run(args: readonly string[], signal: AbortSignal): Promise<number> {
  const values = valuesOf(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const began = performance.now();
  const tell = (line: string): void => {
    const seconds = ((performance.now() - began) / 1e3).toFixed(1);
    process.stderr.write(`${seconds.padStart(7)}  ${line}\n`);
  };
  const seed = values.seed === undefined ? randomInt(2 ** 31) : count('seed', values.seed, 0);
  tell(`seed ${seed}`);
  const report = await drill({
    seed,
    seconds: 60 * count('minutes', values.minutes, 0),
    faults: faultsOf(values.faults),
    pauseMs: PAUSE_MS,
    users: count('users', values.users),
    treeSeconds: 10,
    workers: count('workers', values.workers),
    storages: count('storages', values.storages),
    coordinators: count('coordinators', values.coordinators),
    carrier: carrierOf(values.carrier),
    encrypted: values.encrypt,
    folder: resolve(values.folder),
    tell,
    signal,
  });
  process.stdout.write(textOf(report, seed));
  return report.violations.length === 0 ? 0 : 1;
}

function valuesOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '5' },
        seed: { type: 'string' },
        faults: { type: 'string', default: FAULT_NAMES.join() },
        users: { type: 'string', default: '3' },
        workers: { type: 'string', default: '3' },
        storages: { type: 'string', default: '2' },
        coordinators: { type: 'string', default: '2' },
        carrier: { type: 'string', default: 'volume' },
        encrypt: { type: 'boolean', default: false },
        folder: { type: 'string', default: tmpdir() },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new CkptError('EINVAL', `${(error as Error).message}; see --help`);
  }
}

function count(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  throw new CkptError('EINVAL', `--${name} is a number from ${least} on, and not ${JSON.stringify(text)}`);
}

function faultsOf(text: string): [FaultName, ...FaultName[]] {
  const [first, ...others] = text.split(',').map((name) => {
    const known = FAULT_NAMES.find((one) => one === name);
    if (known !== undefined) return known;
    throw new CkptError(
      'EINVAL',
      `there is no fault ${JSON.stringify(name)}; there are ${FAULT_NAMES.join()}`,
    );
  });
  return [first ?? FAULT_NAMES[0], ...others];
}

function carrierOf(text: string): 'volume' | 'nats' {
  if (text === 'volume' || text === 'nats') return text;
  throw new CkptError('EINVAL', `--carrier is volume or nats, and not ${JSON.stringify(text)}`);
}

function textOf({ counts, violations, folder }: DrillReport, seed: number): string {
  const lines = Object.entries(counts).map(([what, times]) => `${String(times).padStart(7)}  ${what}`);
  const verdict =
    violations.length === 0
      ? `All held (seed ${seed}).`
      : `${violations.length} violations (seed ${seed}); what is left of the cluster: ${folder}`;
  return `${[...lines, '', ...violations, verdict].join('\n')}\n`;
}
