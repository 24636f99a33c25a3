import type { KernelOptions } from '@ckptree/kernel';
import type { LoadOptions } from '@ckptree/restart';
import { Option } from '@commander-js/extra-typings';
import { byteSize, parseTaskAtTick, type TaskAtTick, wholeNumber } from '../arguments.js';
import type { Session } from '../session.js';
import type { ImageChoice } from '../store/store-options.js';
import { usageError } from '../usage-error.js';
import type { CheckpointRequest, Destination } from './checkpoint-request.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** The options of every command that runs a tree. */
export const treeOptions = {
  checkpoint: new Option(
    '-c, --checkpoint <PID@TICK>',
    'save that task and all below it when it has executed so many ticks',
  ).argParser(parseTaskAtTick),
  output: new Option(
    '-o, --output <image>',
    'a file for the checkpoint instead of the store; it appears when it is complete',
  ),
  every: new Option(
    '--checkpoint-every <ticks>',
    'save it again each time that the task has executed so many ticks more',
  ).argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  container: new Option('--container', 'the checkpoint fails if something in the tree is used from outside'),
  stop: new Option('--stop', 'end the tree at the checkpoint'),
  cpus: new Option('--cpus <n>', 'threads that run tasks (default: one for each core)').argParser(
    wholeNumber(1, 64),
  ),
  ticksPerSecond: new Option(
    '--ticks-per-second <n>',
    'most ticks that each of these threads executes in a second (default: as many as the host can)',
  ).argParser(wholeNumber(1, 1e9)),
  memory: new Option(
    '--memory <size>',
    "simulated memory, such as 512M or 4G (default: half of the machine's)",
  ).argParser(byteSize(MIB, 256 * GIB)),
  threads: new Option(
    '--threads <n>',
    'threads that read and write images (default: one for each core)',
  ).argParser(wholeNumber(1, 256)),
} as const;

export interface TreeOptions extends ImageChoice {
  readonly checkpoint?: TaskAtTick | undefined;
  readonly checkpointEvery?: number | undefined;
  readonly name?: string | undefined;
  readonly label?: Readonly<Record<string, string>> | undefined;
  readonly output?: string | undefined;
  readonly container?: true | undefined;
  readonly lazy?: true | undefined;
  readonly stop?: true | undefined;
  readonly cpus?: number | undefined;
  readonly ticksPerSecond?: number | undefined;
  readonly memory?: number | undefined;
}

/** What the command line says of the machine; it wins over what the tree asks for. */
export const machineOf = ({ cpus, ticksPerSecond, memory }: TreeOptions): KernelOptions => ({
  ...(cpus !== undefined && { cpus }),
  ...(ticksPerSecond !== undefined && { ticksPerSecond }),
  ...(memory !== undefined && { memoryBytes: memory }),
});

/** How the pages of a tree are read in. */
export const loadOptions = ({ threads }: TreeOptions, { signal, progress }: Session): LoadOptions => ({
  ...(threads !== undefined && { threads }),
  signal,
  onProgress: ({ bytes, totalBytes }) => progress.bytes('reading the pages', bytes, totalBytes),
});

/**
 * The checkpoint that the command line asks for.
 * @param from the image that the tree goes on from
 * @throws a usage error, when options are there without those that give them a meaning
 */
export function checkpointOf(options: TreeOptions, from?: string): CheckpointRequest | undefined {
  const { checkpoint, checkpointEvery: every, output, name, label, container, stop, threads } = options;
  if (checkpoint === undefined) {
    const details = { 'checkpoint-every': every, output, name, label, container, stop };
    for (const [option, value] of Object.entries(details))
      if (value !== undefined)
        throw usageError(`--${option} says more about a checkpoint; ask for one with --checkpoint PID@TICK`);
    return undefined;
  }
  if (every !== undefined && stop)
    throw usageError('a tree that is to --stop at its checkpoint has no later ones');
  return {
    at: checkpoint,
    every,
    to: destinationOf(options, from),
    container: container ?? false,
    stop: stop ?? false,
    threads,
  };
}

function destinationOf({ output, name, label, ...options }: TreeOptions, from?: string): Destination {
  if (output === undefined) return { kind: 'store', options, name, labels: label ?? {}, from };
  if (name !== undefined || label !== undefined)
    throw usageError('--name and --label are for the store; --output FILE puts the checkpoint elsewhere');
  return { kind: 'file', path: output };
}
