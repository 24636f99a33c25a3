import { type Schedule, simulateSchedule } from '../model/admission.js';
import { sealRate, serviceRate } from '../model/storage.js';
import { bytes, count, percent, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const TREES = 1_000;
const ROUNDS = 4;
const SERVICES = 100;
const ADMITTED = 200;

function compute(given: Given): Table {
  const { costs, assumed } = given;
  const memory = (assumed.tasks * assumed.memoryPerTask) / TREES;
  const rate = SERVICES * serviceRate(costs, assumed);
  const mostForEach = Math.min(1, ((assumed.workers / TREES) * sealRate(costs, assumed)) / rate);
  const rows = [assumed.writtenShare, 0.1, 1].flatMap((share) => {
    const work = (memory * share) / costs.compressRatio / rate;
    const base = { trees: TREES, interval: assumed.interval, rounds: ROUNDS, work, mostForEach };
    const schedules: readonly (readonly [string, Schedule])[] = [
      ['together', { ...base, start: 'together' }],
      [`together, ${ADMITTED} admitted`, { ...base, start: 'together', admitted: ADMITTED }],
      ['spread', { ...base, start: 'spread' }],
      [`spread, ${ADMITTED} admitted`, { ...base, start: 'spread', admitted: ADMITTED }],
    ];
    return schedules.map(([name, schedule]) => {
      const figures = simulateSchedule(schedule, cellRandom(given, 'admission', name, share));
      // What a task writes in an interval it writes evenly; each page is copied once for each snapshot.
      const copied = Math.min(1, (figures.heldMedian / assumed.interval) * assumed.writtenShare);
      return [
        percent(share),
        name,
        seconds(figures.durableMedian),
        seconds(figures.durableLast),
        seconds(figures.heldMedian),
        seconds(figures.heldLast),
        count(figures.snapshots),
        bytes(copied * memory * figures.snapshots),
      ];
    });
  });
  return {
    title: `${count(TREES)} trees, each checkpointed every ${seconds(assumed.interval)}, over ${SERVICES} storage services`,
    columns: [
      'written',
      { words: 'when' },
      'durable, median',
      'last',
      'snapshot held, median',
      'last',
      'at once',
      'copied pages',
    ],
    rows,
    notes: [
      'durable: from the time that was planned. held: from the cut on; meanwhile each first write to a page copies it.',
      'admitted: a tree is cut only when storage has room for its dump. It runs on while it waits.',
    ],
  };
}

export const admissionTable: NamedTable = {
  name: 'admission',
  summary: 'checkpoints of many trees at once: staggered, and let in one by one',
  compute,
};
