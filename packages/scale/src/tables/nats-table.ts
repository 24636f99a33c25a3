import { dumpFlows, type Flow, loadOf, steadyFlows } from '../model/nats-load.js';
import { bytes, count, percent, perSecond } from './quantities.js';
import type { Given, NamedTable, Table } from './table.js';

const SERVERS = [1, 3, 10];
const COORDINATORS = 2;

function compute({ costs, assumed }: Given): Table {
  const flows: readonly Flow[] = [
    ...steadyFlows(assumed, COORDINATORS),
    ...dumpFlows(assumed, 2, 1),
    {
      what: 'prepare and resume of all, in 1 s',
      rate: 4 * assumed.workers,
      deliveries: 1,
      bytes: 300,
      kept: 'no',
    },
    {
      what: 'skeletons of all, in 10 s',
      rate: assumed.tasks / 10 / 1000,
      deliveries: 1,
      bytes: 1000 * costs.skeletonBytes,
      kept: 'no',
    },
  ];
  const loads = flows.map((flow) => ({ flow, load: loadOf(flow, costs) }));
  const sum = loads.reduce((total, { load }) => total + load.cores, 0);
  const share = (cores: number, servers: number) => {
    // In a cluster most messages cross a route: two servers deal with each.
    const work = servers === 1 ? cores : cores * (2 - 1 / servers);
    return percent(work / servers / assumed.natsCores);
  };
  return {
    title: `${count(assumed.workers)} workers: messages, and what share of nats-servers with ${assumed.natsCores} cores they take`,
    columns: [
      'messages',
      'rate',
      'bytes',
      'cores',
      ...SERVERS.map((servers) => `${servers} server${servers === 1 ? '' : 's'}`),
      'one core, alone',
    ],
    rows: [
      ...loads.map(({ flow, load }) => [
        flow.what,
        perSecond(flow.rate),
        `${bytes(load.bytes)}/s`,
        load.cores.toFixed(3),
        ...SERVERS.map((servers) => share(load.cores, servers)),
        flow.kept === 'no'
          ? ''
          : percent(flow.rate * (flow.kept === 'kv' ? costs.kvMessage : costs.streamMessage)),
      ]),
      ['all at once', '', '', sum.toFixed(3), ...SERVERS.map((servers) => share(sum, servers)), ''],
    ],
    notes: [
      'one core, alone: one stream or bucket takes its messages in order, whatever the number of cores and servers.',
      'Replicas of streams in a cluster (raft) are not measured here and not counted.',
    ],
  };
}

export const natsTable: NamedTable = {
  name: 'nats',
  summary: 'messages and bytes a second, on one nats-server and on a cluster of them',
  compute,
};
