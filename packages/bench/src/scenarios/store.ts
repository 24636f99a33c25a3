import { rm, stat, utimes } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { isThere, runCommand } from '../command.js';
import { inTurn, type Series, type Timing } from '../measure.js';
import { imageOf, type MemoryMix } from '../memory/contents.js';
import type { Measurement, Ratio, Scenario, ScenarioOptions, Section } from '../scenario.js';
import { exactly } from '../statistics.js';
import { command, openStore } from '../store/ckptree.js';
import type { Contestant } from '../store/contestant.js';
import { BORG, borg, RESTIC, restic, ZSTD, zstd } from '../store/peers.js';

const STEPS = ['first put', 'unchanged put', 'restore'] as const;
type Step = (typeof STEPS)[number];

/** Of zstd: one as it is called mostly, and all that there are. */
const THREADS = [...new Set([1, availableParallelism()])];

/** A process that goes on has compiled its code by then. */
const WARM_UPS = 3;

/** How many times restic's speed each step is hoped to have. */
const GOALS: Readonly<Record<Step, number>> = { 'first put': 3, 'unchanged put': 10, restore: 4 };

/** Put, unchanged put, restore and stored size of real memory contents, beside restic, borg and zstd. */
export const store: Scenario = {
  name: 'store',
  summary: 'put, unchanged put, restore and stored size of real memory; beside restic, borg and zstd -1',
  async *measure(options) {
    const { memoryMiB } = options;
    const half = Math.ceil(memoryMiB / 2);
    const quarter = Math.ceil(memoryMiB / 4);
    const heap = { heap: memoryMiB, random: 0, zeros: 0 };
    yield* contest('heap', heap, options);
    const mixed = { heap: half, random: quarter, zeros: quarter };
    if (options.core === undefined) yield* contest('mixed', mixed, options);
  },
};

async function* contest(name: string, mix: MemoryMix, options: ScenarioOptions): AsyncIterable<Section> {
  const { folder, tell, runs } = options;
  const contents = await imageOf(name, mix, options);
  if (contents === undefined) return;
  const { image, description } = contents;
  const contestants = [
    openStore(image, folder),
    command(image, folder),
    command(image, folder, { encrypt: true }),
    ...(isThere(RESTIC, tell) ? [restic(image, folder)] : []),
    ...(isThere(BORG, tell) ? [borg(image, folder)] : []),
    ...(isThere(ZSTD, tell) ? THREADS.map((threads) => zstd(image, folder, threads)) : []),
  ];
  tell(`storing and restoring it ${runs + WARM_UPS} times with each of ${contestants.length}`);
  try {
    const steps = Object.assign({}, ...contestants.map((each) => stepsOf(each, image)));
    const series = await inTurn(runs, steps, WARM_UPS);
    const measurements = [
      ...STEPS.flatMap((step) => rowsOf(step, contestants, series)),
      ...(await sizeRows(contestants)),
    ];
    const size = (await stat(image)).size;
    yield { heading: `an image of ${Math.round(size / 1e6)} MB: ${description}`, measurements };
  } finally {
    for (const contestant of contestants) await contestant.close?.();
    await rm(image);
  }
}

const keyOf = (contestant: Contestant, step: Step): string => `${step}, ${contestant.name}`;

function stepsOf(contestant: Contestant, image: string): Record<string, () => Promise<Timing>> {
  const steps: Record<Step, () => Promise<Timing>> = {
    'first put': async () => {
      await contestant.fresh();
      return contestant.put();
    },
    'unchanged put': async () => {
      // Written anew, as far as anybody can tell without reading it: that is what the next checkpoint is.
      await utimes(image, new Date(), new Date());
      return contestant.put();
    },
    restore: async () => {
      const target = `${image}.restored`;
      const timing = await contestant.restore(target);
      await runCommand(['cmp', image, target]);
      await rm(target);
      return timing;
    },
  };
  const taken = STEPS.filter((step) => step !== 'unchanged put' || contestant.deduplicates);
  return Object.fromEntries(taken.map((step) => [keyOf(contestant, step), steps[step]]));
}

function rowsOf(
  step: Step,
  contestants: readonly Contestant[],
  series: Readonly<Record<string, Series>>,
): Measurement[] {
  const peer = contestants.find(isRestic);
  const other = peer && series[keyOf(peer, step)];
  return contestants.flatMap((contestant) => {
    const own = series[keyOf(contestant, step)];
    if (own === undefined) return [];
    const { seconds, cpuSeconds } = own;
    const row = { what: keyOf(contestant, step), unit: 's', figures: seconds, cpuSeconds } as const;
    if (other === undefined || isRestic(contestant)) return [row];
    const value = other.seconds.median / seconds.median;
    const cpu = other.cpuSeconds.median / cpuSeconds.median;
    return [{ ...row, ratio: { ...ratioToRestic(contestant, value, GOALS[step]), cpu } }];
  });
}

async function sizeRows(contestants: readonly Contestant[]): Promise<Measurement[]> {
  const sizes = await Promise.all(contestants.map((contestant) => contestant.storedBytes()));
  const other = sizes[contestants.findIndex(isRestic)];
  return contestants.map((contestant, index) => {
    const bytes = sizes[index]!;
    const row = { what: `stored, ${contestant.name}`, unit: 'MB', figures: exactly(bytes / 1e6) } as const;
    if (other === undefined || isRestic(contestant)) return row;
    return { ...row, ratio: ratioToRestic(contestant, bytes / other, 1) };
  });
}

const isRestic = ({ name }: Contestant): boolean => name === 'restic';

/** Ours have goals; what is only there for comparison has none. */
const ratioToRestic = ({ name }: Contestant, value: number, goal: number): Ratio => ({
  value,
  to: 'restic',
  ...(name.startsWith('ckptree') && { goal }),
});
