import { rm, stat } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { openFileSource } from '@ckptree/restart/file-source';
import { poolEngine, Store } from '@ckptree/store';
import { isThere } from '../command.js';
import { copy, copyAndSync } from '../copy-and-sync.js';
import { CriuProcess } from '../criu/criu-process.js';
import { gigabytesPerSecond, inTurn, type Series, seriesOf, type Timing } from '../measure.js';
import type { ImagePlace } from '../restart/messages.js';
import { randomImage } from '../restart/random-image.js';
import { restartOnce } from '../restart/restart-once.js';
import type { Measurement, Scenario, ScenarioOptions, Section } from '../scenario.js';
import { type Figures, figures, inverse } from '../statistics.js';
import { RESTIC, restic } from '../store/peers.js';

const MIB = 2 ** 20;
/** As much as it takes until the code that goes through pages is compiled. */
const WARM_UP_MIB = 128;
/** Simulated memory beyond the tree's: that of the warm-up, and page tables. */
const SPARE = 2 * WARM_UP_MIB * MIB;
/** Task memory of the lazy restarts, as shares of what is asked for. */
const SHARES = [1 / 16, 1 / 4, 1, 4];
/** Bytes that a restart of an image takes, as a multiple of it: its frames, and the image in the page cache. */
const FOOTPRINT = 2.3;
/** Milliseconds to the first instruction that are hoped for. */
const FIRST_GOAL_MS = 50;

/** Complete restarts beside what else brings back as many bytes, and how soon a lazy one lets the tree run; CRIU beside both. */
export const restart: Scenario = {
  name: 'restart',
  summary: 'complete restart from file and store, beside cp, restic and CRIU; lazy: first instruction',
  async *measure(options) {
    const warmUp = join(options.folder, 'small.ckpt');
    await randomImage(warmUp, WARM_UP_MIB);
    yield await complete(options, warmUp);
    yield await lazily(options, warmUp);
  },
};

async function complete(options: ScenarioOptions, warmUp: string): Promise<Section> {
  const { folder, runs, memoryMiB, tell } = options;
  const image = join(folder, 'tree.ckpt');
  tell(`filling ${memoryMiB} MiB with random bytes, and storing them`);
  await randomImage(image, memoryMiB);
  const bytes = (await stat(image)).size;
  const store = await storeOf(image, join(folder, 'store'));
  const file: ImagePlace = { kind: 'file', path: image };
  const peer = isThere(RESTIC, tell) ? restic(image, folder) : undefined;
  await peer?.fresh();
  await peer?.put();
  const criu = await CriuProcess.start(memoryMiB, folder, tell);
  const firstTouch: Timing[] = [];
  const from =
    (place: ImagePlace, { lazy = false, populated = true } = {}) =>
    async (): Promise<Timing> => {
      const memoryBytes = bytes * 1.05 + SPARE;
      const times = await restartOnce({ place, lazy, warmUp, memoryBytes, populated });
      const { populating } = times;
      if (populating !== undefined)
        firstTouch.push({ seconds: (populating.seconds * bytes) / populating.bytes, cpuSeconds: 0 });
      return { seconds: times.filledSeconds, cpuSeconds: times.cpuSeconds };
    };
  const copied = async (restore: (target: string) => Promise<Timing>): Promise<Timing> => {
    const target = join(folder, 'copy');
    const timing = await restore(target);
    await rm(target);
    return timing;
  };
  tell(`restarting ${runs + 1} times from each place, in turn with copies`);
  const series: Readonly<Record<string, Series>> = await inTurn<string>(runs, {
    cp: () => copied((target) => copyAndSync(image, target)),
    'cp alone': () => copied((target) => copy(image, target)),
    ...(peer && { restic: () => copied((target) => peer.restore(target)) }),
    ...(criu && {
      CRIU: async () => {
        await criu.dump();
        return criu.restore();
      },
    }),
    file: from(file),
    store: from(store),
    'file, lazily': from(file, { lazy: true }),
    'store, lazily': from(store, { lazy: true }),
    'file, untouched': from(file, { populated: false }),
    'store, untouched': from(store, { populated: false }),
  }).finally(() => criu?.end());
  await rm(image);
  await rm(store.path, { recursive: true });
  const touched = seriesOf(firstTouch);
  const speed = (seconds: Figures): Figures => inverse(seconds, (each) => gigabytesPerSecond(bytes, each));
  const row = (what: string, name: string, peer = 'cp'): Measurement[] => {
    const own = series[name];
    if (own === undefined) return [];
    const [beside, to] = peer === 'cp' ? [series.cp!, 'cp + sync'] : [touched, peer];
    const ratio = { value: beside.seconds.median / own.seconds.median, to };
    return [
      {
        ...{ what, unit: 'GB/s', figures: speed(own.seconds), cpuSeconds: own.cpuSeconds },
        ...(name !== 'cp' && { ratio }),
      },
    ];
  };
  const FIRST_TOUCH = 'first touch of as much';
  return {
    heading: `complete restart of a task with ${memoryMiB} MiB of random bytes, into populated memory unless said`,
    measurements: [
      ...row('restart from a file', 'file'),
      ...row('restart from a store', 'store'),
      ...row('lazy restart from a file, until all memory is there', 'file, lazily'),
      ...row('lazy restart from a store, until all memory is there', 'store, lazily'),
      ...row('restart from a file into memory that nobody has touched', 'file, untouched', FIRST_TOUCH),
      ...row('restart from a store into memory that nobody has touched', 'store, untouched', FIRST_TOUCH),
      { what: `${FIRST_TOUCH} memory, all cores`, unit: 'GB/s', figures: speed(touched.seconds) },
      ...row('cp + sync of the image', 'cp'),
      ...row('cp without sync', 'cp alone'),
      ...row('restic restore, synced', 'restic'),
      ...row('CRIU restore of a process with as much', 'CRIU'),
    ],
  };
}

async function storeOf(image: string, path: string): Promise<ImagePlace & { readonly kind: 'store' }> {
  const store = await Store.init(path, { engine: poolEngine() });
  const source = openFileSource(image);
  try {
    const session = await store.begin();
    await session.importImage(source);
    const { id } = await session.commit();
    return { kind: 'store', path, id };
  } finally {
    source.close();
    await store.close();
  }
}

async function lazily(options: ScenarioOptions, warmUp: string): Promise<Section> {
  const { folder, runs, memoryMiB, tell } = options;
  const measurements: Measurement[] = [];
  for (const share of SHARES) {
    const size = Math.max(1, Math.round(memoryMiB * share));
    if (size * MIB * FOOTPRINT > freemem()) {
      tell(`lazy restart of ${size} MiB is left out, for so much memory is not free`);
      continue;
    }
    tell(`restarting ${size} MiB lazily`);
    const image = join(folder, 'lazy.ckpt');
    await randomImage(image, size);
    const store = await storeOf(image, join(folder, 'store'));
    for (const place of [{ kind: 'file', path: image } as const, store]) {
      const firsts: number[] = [];
      for (let run = 0; run < runs; run++) {
        const memoryBytes = size * 1.05 * MIB + SPARE;
        const order = { place, lazy: true, warmUp, memoryBytes, populated: true };
        firsts.push((await restartOnce(order)).firstSeconds * 1e3);
      }
      const own = figures(firsts);
      measurements.push({
        what: `first instruction of ${size} MiB from a ${place.kind}`,
        unit: 'ms',
        figures: own,
        ratio: { value: own.median / FIRST_GOAL_MS, to: `${FIRST_GOAL_MS} ms`, goal: 1 },
      });
    }
    await rm(image);
    await rm(store.path, { recursive: true });
    const byCriu = await criuLazily(size, options);
    if (byCriu !== undefined) measurements.push(byCriu);
  }
  return {
    heading: 'lazy restart into populated memory: from the call until the root has executed an instruction',
    measurements,
  };
}

async function criuLazily(
  memoryMiB: number,
  { folder, runs, tell }: ScenarioOptions,
): Promise<Measurement | undefined> {
  const criu = await CriuProcess.start(memoryMiB, folder, tell);
  if (criu === undefined) return undefined;
  try {
    const returned: number[] = [];
    for (let run = 0; run < runs; run++) {
      await criu.dump();
      returned.push((await criu.restoreLazily()).seconds * 1e3);
    }
    const what = `CRIU restore of ${memoryMiB} MiB with lazy pages, until it has returned`;
    return { what, unit: 'ms', figures: figures(returned) };
  } finally {
    criu.end();
  }
}
