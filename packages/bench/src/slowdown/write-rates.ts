import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpoint, DumpPool } from '@ckptree/checkpoint';
import { Kernel } from '@ckptree/kernel';
import { type Figures, figures } from '../statistics.js';
import { FILL_TICKS_PER_MIB, spawnHolder, TICKS } from '../tree/holder.js';

const MIB = 2 ** 20;
const WRITES_PER_TICK = 4;
/** At least so long without a dump, in milliseconds. */
const LEAST_WINDOW_MS = 500;

export interface WriteRateOptions {
  /** Of the whole tree. */
  readonly memoryMiB: number;
  /** Of that, what is written to, a word in a page, far apart, round and round. */
  readonly writtenMiB: number;
  /** Threads that dump; the tasks have one. */
  readonly threads: number;
  readonly runs: number;
  readonly folder: string;
}

/** Pages a second that a word is written to, by a task that does nothing else: the worst case of a copy on write. */
export interface WriteRates {
  readonly undisturbed: Figures;
  /** From the request of a checkpoint until it was durable. */
  readonly dumping: Figures;
  /** Seconds that these took. */
  readonly dumpSeconds: Figures;
}

/** How fast tasks go on while their snapshot is dumped to a file, in turn with how fast they are otherwise. */
export async function writeRates(options: WriteRateOptions): Promise<WriteRates> {
  const { memoryMiB, writtenMiB } = options;
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB + writtenMiB + 128) * MIB });
  const pool = new DumpPool({ threads: options.threads });
  try {
    // Else most of what is measured is the host giving memory for the first time.
    await kernel.populate();
    await pool.warmUp();
    const writer = 2;
    const params = { memoryMiB: writtenMiB, pattern: 'zero', ticks: TICKS };
    const writing = { writesPerTick: WRITES_PER_TICK, scattered: true };
    const filled = kernel.stopAt(writer, FILL_TICKS_PER_MIB * writtenMiB, { unborn: true });
    filled.catch(() => undefined); // thrown where it is awaited, unless something else fails before
    const { pid } = await spawnHolder(kernel, {
      memoryMiB: memoryMiB - writtenMiB,
      children: [{ program: 'idle', pid: writer, params: { ...params, ...writing } }],
    });
    await filled;
    await kernel.thaw(pid);
    return await inTurn(kernel, { root: pid, writer }, pool, options);
  } finally {
    await pool.close();
    await kernel.shutdown();
  }
}

async function inTurn(
  kernel: Kernel,
  { root, writer }: { readonly root: number; readonly writer: number },
  pool: DumpPool,
  { folder, runs }: WriteRateOptions,
): Promise<WriteRates> {
  const output = join(folder, 'slowdown.ckpt');
  const ticks = (): number => kernel.ps().find(({ pid }) => pid === writer)?.ticks ?? Number.NaN;
  const during = async (action: () => Promise<unknown>) => {
    const [before, start] = [ticks(), performance.now()];
    await action();
    const seconds = (performance.now() - start) / 1e3;
    return { seconds, rate: ((ticks() - before) * WRITES_PER_TICK) / seconds };
  };
  const [undisturbed, dumping, dumpSeconds]: number[][] = [[], [], []];
  for (let run = 0; run <= runs; run++) {
    const dump = await during(() => checkpoint(kernel, root, { output, pool }));
    await rm(output);
    // What the dump has left shared is copied by the first writes behind it: not of the time without one.
    await sleep(LEAST_WINDOW_MS);
    const quiet = await during(() => sleep(Math.max(LEAST_WINDOW_MS, dump.seconds * 1e3)));
    if (run === 0) continue;
    undisturbed!.push(quiet.rate);
    dumping!.push(dump.rate);
    dumpSeconds!.push(dump.seconds);
  }
  return {
    ...{ undisturbed: figures(undisturbed!), dumping: figures(dumping!) },
    dumpSeconds: figures(dumpSeconds!),
  };
}
