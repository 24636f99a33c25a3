import { tmpdir } from 'node:os';
import { type Kernel, parseSpec } from '@ckptree/kernel';

/** The program `idle` fills two pages in a tick. */
export const FILL_TICKS_PER_MIB = 128;
/** So that it does not end while it is measured. */
export const TICKS = 1_000_000_000;

export interface HolderOptions {
  readonly memoryMiB: number;
  /** What it is filled with; default: what does not compress. */
  readonly pattern?: 'random' | 'text' | 'zero';
  /** Pages that it writes a word to in each tick, once it is filled. */
  readonly writesPerTick?: number;
  /** These are far apart. */
  readonly scattered?: boolean;
  /** Tasks below it, as in a spec. */
  readonly children?: readonly object[];
}

/** A task that holds memory: its pid, and the tick at which all was there. */
export interface Holder {
  readonly pid: number;
  readonly filledTick: number;
}

const PID = 1;

/** Starts a task that holds memory, the first one of its kernel. It stands frozen when all is there; `thaw()` has it run on. */
export async function spawnHolder(
  kernel: Kernel,
  { memoryMiB, children = [], ...params }: HolderOptions,
): Promise<Holder> {
  const root = { program: 'idle', pid: PID, params: { memoryMiB, ticks: TICKS, ...params }, children };
  const { tree } = parseSpec({ name: 'bench', root }, { baseFolder: tmpdir() });
  const filledTick = FILL_TICKS_PER_MIB * memoryMiB;
  // Asked for before it runs: one that holds nothing is past that tick at once.
  const filled = kernel.stopAt(PID, filledTick, { unborn: true });
  const [pid] = await Promise.all([kernel.spawn(tree), filled]);
  return { pid, filledTick };
}
