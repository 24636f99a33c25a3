import { heartbeatLossShare, unknownLossShare } from '../model/failures.js';
import { fits } from '../model/lease.js';
import { leastBarrier } from '../model/least-barrier.js';
import { straggling } from '../model/straggling.js';
import { chance, count, percent, seconds } from './quantities.js';
import type { Given, NamedTable, Table } from './table.js';

const WORKERS = [3, 10, 100, 1_000, 10_000, 100_000];
const LEASES = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

function compute({ costs, assumed }: Given): Table {
  const late = straggling(assumed);
  const lost = unknownLossShare(assumed);
  const chanceOf = (workers: number, lease: number) =>
    fits({ workers, least: leastBarrier(workers, costs, assumed), straggling: late }, lease, lost);
  return {
    title: 'Chance that a cut fits its lease (fan-out)',
    columns: ['workers', ...LEASES.map(seconds), 'one is lost unknown', 'by heartbeat alone'],
    rows: WORKERS.map((workers) => [
      count(workers),
      ...LEASES.map((lease) => chance(chanceOf(workers, lease))),
      percent(1 - (1 - lost) ** workers),
      percent(1 - (1 - heartbeatLossShare(assumed)) ** workers),
    ]),
    notes: [
      'In closed form: the latest of independent workers. The tests hold the simulation against it.',
      'lost: a worker is gone and still listed. A closed connection is known at once (NATS: no responders).',
    ],
    plot: {
      title: 'The more workers, the longer the lease must be: the tail of one is the middle of many',
      subtitle: 'Chance that some worker of a tree does not answer within the lease; closed form',
      source: 'npm run scale -- lease --plots docs/plots',
      x: { label: 'lease', scale: 'log', unit: 'seconds', domain: [0.025, 12] },
      y: { label: 'cuts that do not fit', scale: 'log', unit: 'share', domain: [1e-6, 1] },
      series: WORKERS.slice(1).map((workers) => ({
        label: `${count(workers)} workers`,
        points: [0.03, ...LEASES].map((lease) => ({ x: lease, y: 1 - chanceOf(workers, lease) })),
      })),
    },
  };
}

export const leaseTable: NamedTable = {
  name: 'lease',
  summary: 'chance that a cut fits its lease, as workers grow',
  compute,
};
