import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpointTo, storeSink } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import { type Manifest, poolEngine, Store } from '@ckptree/store';
import { isThere } from '../command.js';
import { inTurn, type Series, type Timing, timed } from '../measure.js';
import type { Measurement, Scenario, ScenarioOptions } from '../scenario.js';
import { figures } from '../statistics.js';
import { steps } from '../steps.js';
import { RESTIC, restic } from '../store/peers.js';

const MIB = 2 ** 20;
const PAGES_PER_MIB = 256;
/** The program `idle` fills two pages in a tick. */
const FILL_TICKS_PER_MIB = 128;
const WRITES_PER_TICK = 64;
/** Sizes that are measured, up to the one that was asked for: in each step four times as much. */
const SMALLEST_MIB = 64;
const STEP = 4;

/** A checkpoint of 1 % of the pages is to take at most 3 % of the time of a full one, and 1.5 % of its bytes. */
const GOAL_TIMES = 100 / 3;
const GOAL_BYTES_SHARE = 0.015;
/** An unchanged one is to be so many times as fast as restic. */
const GOAL_UNCHANGED = 50;

const NAME = 'bench';

/** What checkpoints of the same memory cost when 1 % of it was written in between, and when nothing was. */
export const incremental: Scenario = {
  name: 'incremental',
  summary: 'checkpoints of 1 % written pages, and of none, beside full ones; by size of the memory',
  async *measure(options) {
    const { memoryMiB } = options;
    let smallest: Measured | undefined;
    for (const size of steps(Math.min(SMALLEST_MIB, memoryMiB), STEP, memoryMiB)) {
      const measured = await measure(size, options);
      yield {
        heading: `${size} MiB of random bytes, 1 % of the pages written, far apart`,
        measurements: rowsOf(measured, smallest),
      };
      smallest ??= measured;
    }
  },
};

interface Measured {
  readonly memoryMiB: number;
  readonly full: Series;
  readonly some: Series;
  readonly none: Series;
  /** Of restic, when it is there: of a file with the same image. */
  readonly peer?: { readonly some: Series; readonly none: Series };
  /** Bytes that a full one takes, and that each of 1 % added. */
  readonly fullBytes: number;
  readonly someBytes: readonly number[];
}

async function measure(memoryMiB: number, { folder, runs, tell }: ScenarioOptions): Promise<Measured> {
  tell(`filling ${memoryMiB} MiB`);
  const tree = await FrozenTree.spawn(memoryMiB, folder);
  const path = join(folder, 'store');
  const image = join(folder, 'image');
  const store = await Store.init(path, { engine: poolEngine() });
  try {
    const whole = await tree.checkpoint(store);
    const someBytes: number[] = [];
    const some = async (): Promise<Timing> => {
      await tree.write(memoryMiB * PAGES_PER_MIB * 0.01);
      return timed(async () => {
        someBytes.push((await tree.checkpoint(store)).sizes.stored);
      });
    };
    const none = () => timed(() => tree.checkpoint(store));
    tell(`taking ${runs + 1} checkpoints of each kind`);
    const own = await inTurn(runs, { full: () => fullOne(tree, join(folder, 'fresh')), some, none });
    const peer = isThere(RESTIC, tell) ? await measurePeer(tree, store, image, { folder, runs }) : undefined;
    const fullBytes = whole.sizes.stored;
    return { memoryMiB, ...own, ...(peer && { peer }), fullBytes, someBytes: someBytes.slice(1) };
  } finally {
    await store.close();
    await tree.end();
    for (const each of [path, image]) await rm(each, { recursive: true, force: true });
  }
}

/** Into a store that has nothing. */
async function fullOne(tree: FrozenTree, path: string): Promise<Timing> {
  await rm(path, { recursive: true, force: true });
  const store = await Store.init(path, { engine: poolEngine() });
  try {
    return await timed(() => tree.checkpoint(store));
  } finally {
    await store.close();
    await rm(path, { recursive: true });
  }
}

/** restic, backing up a file that holds the image at each of the same instants. */
async function measurePeer(
  tree: FrozenTree,
  store: Store,
  image: string,
  { folder, runs }: Pick<ScenarioOptions, 'folder' | 'runs'>,
): Promise<{ readonly some: Series; readonly none: Series }> {
  const peer = restic(image, folder);
  await peer.fresh();
  await exportTo(store, image);
  await peer.put();
  return inTurn(runs, {
    some: async () => {
      await tree.write(tree.pages * 0.01);
      await tree.checkpoint(store);
      await exportTo(store, image);
      return peer.put();
    },
    none: async () => {
      await exportTo(store, image);
      return peer.put();
    },
  });
}

async function exportTo(store: Store, path: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    const { id } = await store.resolve(NAME);
    await store.export(id, { write: async (bytes) => void (await file.write(bytes)) });
  } finally {
    await file.close();
  }
}

/** One task, frozen but for the pages that it is told to write. */
class FrozenTree {
  readonly pages: number;
  readonly #kernel: Kernel;
  readonly #root: number;
  #tick: number;

  private constructor(kernel: Kernel, root: number, tick: number, pages: number) {
    this.#kernel = kernel;
    this.#root = root;
    this.#tick = tick;
    this.pages = pages;
  }

  static async spawn(memoryMiB: number, folder: string): Promise<FrozenTree> {
    const kernel = Kernel.boot({ cpus: 1, memoryBytes: (memoryMiB * 1.25 + 256) * MIB });
    const params = {
      memoryMiB,
      pattern: 'random',
      ticks: 1_000_000_000,
      writesPerTick: WRITES_PER_TICK,
      scattered: true,
    };
    const spec = { name: 'bench', root: { program: 'idle', params } };
    const root = await kernel.spawn(parseSpec(spec, { baseFolder: folder }).tree);
    const filled = FILL_TICKS_PER_MIB * memoryMiB;
    await kernel.stopAt(root, filled);
    return new FrozenTree(kernel, root, filled, memoryMiB * PAGES_PER_MIB);
  }

  async write(pages: number): Promise<void> {
    this.#tick += Math.max(1, Math.round(pages / WRITES_PER_TICK));
    const there = this.#kernel.stopAt(this.#root, this.#tick);
    await this.#kernel.thaw(this.#root);
    await there;
  }

  async checkpoint(store: Store): Promise<Manifest> {
    return (await checkpointTo(storeSink(store, { name: NAME }), this.#kernel, this.#root)).saved;
  }

  end(): Promise<void> {
    return this.#kernel.shutdown();
  }
}

function rowsOf(measured: Measured, smallest: Measured | undefined): Measurement[] {
  const { full, some, none, peer, fullBytes, someBytes } = measured;
  const rows: Measurement[] = [
    { what: 'full', unit: 's', figures: full.seconds, cpuSeconds: full.cpuSeconds },
    timesAsFast('1 % written', some, full, { to: 'a full one', goal: GOAL_TIMES }),
    {
      what: `stored for it (goal: ${((fullBytes * GOAL_BYTES_SHARE) / 1e6).toPrecision(3)} MB at most)`,
      unit: 'MB',
      figures: figures(someBytes.map((bytes) => bytes / 1e6)),
    },
    timesAsFast('unchanged', none, full, { to: 'a full one' }),
  ];
  if (peer !== undefined)
    rows.push(
      timesAsFast('1 % written', some, peer.some, { to: 'restic' }),
      timesAsFast('unchanged', none, peer.none, { to: 'restic', goal: GOAL_UNCHANGED }),
    );
  if (smallest !== undefined)
    rows.push(timesAsFast('unchanged', none, smallest.none, { to: `one of ${smallest.memoryMiB} MiB` }));
  return rows;
}

function timesAsFast(
  what: string,
  own: Series,
  other: Series,
  { to, goal }: { readonly to: string; readonly goal?: number },
): Measurement {
  const value = other.seconds.median / own.seconds.median;
  const cpu = other.cpuSeconds.median / own.cpuSeconds.median;
  const { seconds, cpuSeconds } = own;
  return {
    what,
    unit: 's',
    figures: seconds,
    cpuSeconds,
    ratio: { value, to, cpu, ...(goal !== undefined && { goal: Math.round(goal) }) },
  };
}
