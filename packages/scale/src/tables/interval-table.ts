import { Samples } from '../engine/samples.js';
import { bestInterval, lostShare, meanTimeBetweenFailures } from '../model/failures.js';
import { leastBarrier } from '../model/least-barrier.js';
import { sealRate, serviceRate } from '../model/storage.js';
import { straggling } from '../model/straggling.js';
import { count, percent, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const WORKERS = [1, 10, 100, 1_000, 10_000];
const CUTS = 2_000;
const HOUR = 3_600;
/** Of the curves. */
const INTERVALS = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 86_400];

/** The median standstill of a tree over so many workers. */
function standstill(given: Given, workers: number): number {
  const random = cellRandom(given, 'interval', workers);
  const late = straggling(given.assumed);
  const still = new Samples();
  for (let cut = 0; cut < CUTS; cut++) still.add(late.drawLatest(random, workers));
  return leastBarrier(workers, given.costs, given.assumed) + still.median;
}

function compute(given: Given): Table {
  const { costs, assumed } = given;
  const trees = WORKERS.map((workers) => ({
    workers,
    between: meanTimeBetweenFailures(workers, assumed),
    still: standstill(given, workers),
  }));
  const rate = Math.min(sealRate(costs, assumed), serviceRate(costs, assumed));
  const written = (assumed.tasks / assumed.workers) * assumed.memoryPerTask * assumed.writtenShare;
  return {
    title: 'How often: the interval that loses least work, by the workers that a tree needs (Young 1974)',
    columns: [
      'workers',
      'a host fails every',
      'standstill',
      'best interval',
      'lost then',
      `lost at ${seconds(assumed.interval)}`,
      'lost at 1 h',
    ],
    rows: trees.map(({ workers, between, still }) => {
      const best = bestInterval(still, between);
      return [
        count(workers),
        seconds(between),
        seconds(still),
        seconds(best),
        percent(lostShare(best, still, between)),
        percent(lostShare(assumed.interval, still, between)),
        percent(lostShare(HOUR, still, between)),
      ];
    }),
    notes: [
      'lost: time of standing still, and of doing again what was done since the last checkpoint.',
      `A worker needs ${seconds(written / costs.compressRatio / rate)} of its dump threads for what its tasks write in ${seconds(assumed.interval)}.`,
    ],
    plot: {
      title: 'A tree over many hosts must be checkpointed often: some host of it fails soon',
      subtitle:
        'Share of time lost to standstills and to work done again, by the interval between checkpoints',
      source: 'npm run scale -- interval --plots docs/plots',
      x: { label: 'interval between checkpoints', scale: 'log', unit: 'seconds' },
      y: { label: 'time lost', scale: 'log', unit: 'share' },
      series: trees.map(({ workers, between, still }) => ({
        label: `${count(workers)} worker${workers === 1 ? '' : 's'}`,
        points: INTERVALS.map((interval) => ({ x: interval, y: lostShare(interval, still, between) })).filter(
          ({ y }) => y <= 1,
        ),
      })),
    },
  };
}

export const intervalTable: NamedTable = {
  name: 'interval',
  summary: 'how often a tree should be checkpointed, given failures and standstills',
  compute,
};
