import { ROUTES, type Route, serviceRate, simulateDump } from '../model/storage.js';
import { bytes, count, percent, seconds } from './quantities.js';
import { cellRandom, type Given, type NamedTable, type Table } from './table.js';

const SERVICES = [10, 30, 100, 300, 1_000];
/** The default deadline of the dumping step. */
const DEADLINE = 900;
const PACK_BYTES = 64 * 2 ** 20;
/** A full dump is simulated in larger uploads, so that it takes no minute. */
const FULL_UPLOAD_BYTES = 8 * PACK_BYTES;
const WINDOW = 2;

function compute(given: Given): Table {
  const { costs, assumed } = given;
  const memory = (assumed.tasks / assumed.workers) * assumed.memoryPerTask;
  const dumps = [
    { what: 'full', bytesPerWorker: memory, uploadBytes: FULL_UPLOAD_BYTES },
    {
      what: `${percent(assumed.writtenShare)} written`,
      bytesPerWorker: memory * assumed.writtenShare,
      uploadBytes: PACK_BYTES,
    },
  ];
  const simulated = (what: string, services: number, route: Route) => {
    const dump = dumps.find((one) => one.what === what)!;
    const { workers } = assumed;
    return simulateDump(
      { ...dump, workers, services, route, window: WINDOW },
      costs,
      assumed,
      cellRandom(given, 'storage', what, services, route),
    );
  };
  const figures = dumps.flatMap(({ what, bytesPerWorker }) =>
    SERVICES.map((services) => ({
      what,
      services,
      routes: ROUTES.map((route) => simulated(what, services, route)),
      overNats: overNats((bytesPerWorker / costs.compressRatio) * assumed.workers, services, given),
    })),
  );
  const lasts = (what: string) => figures.filter((row) => row.what === what);
  return {
    title: 'All workers dump at once: until the last byte is durable',
    columns: ['memory', 'storage services', ...ROUTES, 'busy, random', 'stored', 'over NATS'],
    rows: figures.map(({ what, services, routes, overNats: nats }) => [
      what,
      count(services),
      ...routes.map(({ last }) => seconds(last)),
      percent(routes[0]!.busy),
      bytes(routes[0]!.stored),
      seconds(nats),
    ]),
    notes: [
      `Each service makes ${bytes(serviceRate(costs, assumed))}/s durable; a worker seals with ${assumed.dumpThreads} threads and has ${WINDOW} packs under way.`,
      'over NATS: as many nats-servers as there are services, all of their cores, and nothing else for them to do.',
    ],
    plot: {
      title: 'More storage services make dumps shorter, until workers cannot fill them faster',
      subtitle: `${count(assumed.workers)} workers with ${bytes(memory)} each dump at once; packs go to a random service`,
      source: 'npm run scale -- storage --plots docs/plots',
      x: { label: 'storage services', scale: 'log' },
      y: { label: 'until the last byte is durable', scale: 'log', unit: 'seconds' },
      series: dumps.map(({ what }) => ({
        label: what,
        points: lasts(what).map(({ services, routes }) => ({ x: services, y: routes[0]!.last })),
      })),
      limits: [{ axis: 'y', at: DEADLINE, label: 'deadline of the dumping step' }],
    },
  };
}

/** Seconds that nats-servers need to move so many bytes. */
const overNats = (stored: number, servers: number, { costs, assumed }: Given): number =>
  (stored / servers) * Math.max(costs.serverByte / assumed.natsCores, 2 / assumed.networkRate);

export const storageTable: NamedTable = {
  name: 'storage',
  summary: 'full and incremental dumps over more storage services; how packs should find theirs',
  compute,
};
