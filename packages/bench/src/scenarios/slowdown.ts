import type { Measurement, Scenario, Section } from '../scenario.js';
import { type Copies, copiedPages } from '../slowdown/copied-pages.js';
import { type WriteRates, writeRates } from '../slowdown/write-rates.js';
import { exactly } from '../statistics.js';

/** Shares of the memory that are written to: a working set, and all of it. */
const WRITTEN_SHARES = [1 / 16, 1];
const THREADS = [1, 2];
/** Tasks are to keep this share of their speed while they are dumped. */
const GOAL_SHARE = 0.85;
const WRITTEN_ONE_IN = 20;

/** What running tasks notice of their snapshot being dumped. */
export const slowdown: Scenario = {
  name: 'slowdown',
  summary: 'how fast tasks write while their snapshot is dumped; pages that are copied for it',
  async *measure({ folder, memoryMiB, runs, tell }) {
    for (const share of WRITTEN_SHARES)
      for (const threads of THREADS) {
        const writtenMiB = Math.max(1, Math.round(memoryMiB * share));
        tell(`dumping ${memoryMiB} MiB, ${writtenMiB} of them written to, ${runs + 1} times`);
        const rates = await writeRates({ memoryMiB, writtenMiB, threads, runs, folder });
        const heading = `a task that does nothing but write to ${writtenMiB} MiB, in a tree of ${memoryMiB} MiB, ${threads} dumping`;
        yield { heading: `${heading} thread${threads === 1 ? '' : 's'}`, measurements: rateRows(rates) };
      }
    tell(`writing 1 page in ${WRITTEN_ONE_IN} of ${memoryMiB} MiB with a snapshot held`);
    yield copiesSection(memoryMiB, await copiedPages(memoryMiB, WRITTEN_ONE_IN));
  },
};

function rateRows({ undisturbed, dumping, dumpSeconds }: WriteRates): Measurement[] {
  const value = dumping.median / undisturbed.median;
  return [
    { what: 'undisturbed', unit: 'pages/s', figures: undisturbed },
    {
      ...{ what: 'while it is dumped to disk', unit: 'pages/s', figures: dumping },
      ratio: { value, to: 'undisturbed', goal: GOAL_SHARE },
    },
    { what: 'from request to durable', unit: 's', figures: dumpSeconds },
  ];
}

function copiesSection(memoryMiB: number, { written, frames, leaves }: Copies): Section {
  return {
    heading: `a snapshot of ${memoryMiB} MiB is held while its task writes 1 page in ${WRITTEN_ONE_IN}, far apart`,
    measurements: [
      { what: 'pages written, each once', unit: 'pages', figures: exactly(written) },
      {
        ...{ what: 'pages copied for it', unit: 'pages', figures: exactly(frames - leaves) },
        ratio: { value: (frames - leaves) / written, to: 'pages written', goal: 1 },
      },
      { what: 'page tables copied for it', unit: 'pages', figures: exactly(leaves) },
    ],
  };
}
