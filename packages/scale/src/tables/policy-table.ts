import { Samples } from '../engine/samples.js';
import { type LeasePolicy, tryCut } from '../model/lease.js';
import { leastBarrier } from '../model/least-barrier.js';
import { straggling } from '../model/straggling.js';
import { count, percent, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const WORKERS = [100, 1_000, 10_000];
const CUTS = 2_000;

const POLICIES: readonly (readonly [name: string, policy: LeasePolicy])[] = [
  ['retry, 0.2 s', { kind: 'retry', lease: 0.2 }],
  ['retry, 1 s', { kind: 'retry', lease: 1 }],
  ['retry, 5 s', { kind: 'retry', lease: 5 }],
  ['double from 0.2 s', { kind: 'double', lease: 0.2 }],
  ['double from 1 s', { kind: 'double', lease: 1 }],
  ['renew 0.2 s up to 5 s', { kind: 'renew', lease: 0.2, limit: 5 }],
];

function compute(given: Given): Table {
  const { costs, assumed } = given;
  const late = straggling(assumed);
  const rows = WORKERS.flatMap((workers) =>
    POLICIES.map(([name, policy]) => {
      const random = cellRandom(given, 'policy', name, workers);
      const answers = { workers, least: leastBarrier(workers, costs, assumed), straggling: late };
      const still = new Samples();
      const longest = new Samples();
      let succeeded = 0;
      let first = 0;
      let tries = 0;
      for (let cut = 0; cut < CUTS; cut++) {
        const outcome = tryCut(policy, answers, random);
        still.add(outcome.stoodStill);
        longest.add(outcome.longest);
        tries += outcome.tries / CUTS;
        if (outcome.succeeded) succeeded++;
        if (outcome.succeeded && outcome.tries === 1) first++;
      }
      return [
        name,
        count(workers),
        percent(first / CUTS),
        percent(succeeded / CUTS),
        tries.toFixed(2),
        seconds(still.mean),
        seconds(still.quantile(0.99)),
        seconds(longest.quantile(0.99)),
        seconds(policy.lease),
      ];
    }),
  );
  return {
    title: 'What to do about stragglers: a cut is tried at most 5 times, 2 s apart',
    columns: [
      'policy',
      'workers',
      'first try',
      'in the end',
      'tries',
      'stood still, mean',
      '99 %',
      'longest, 99 %',
      'after a dead coordinator',
    ],
    rows,
    notes: [
      'stood still: all tries of a checkpoint together. longest: one of them.',
      'after a dead coordinator: how long tasks stand still at most when it dies in mid-cut, from the last that was heard of it.',
      'A worker that is stalled when a try fails is still so at the next, unless its stall is over by then.',
    ],
  };
}

export const policyTable: NamedTable = {
  name: 'policy',
  summary: 'retry, longer leases, renewed leases: what each costs the tasks',
  compute,
};
