import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '@ckptree/client';
import { CkptError } from '@ckptree/errors';
import { LocalCluster } from '@ckptree/local-cluster';
import { checkLogs } from './check-logs.js';
import { checkStore } from './check-store.js';
import { EventLedger } from './event-ledger.js';
import { FAULTS, type FaultName } from './faults.js';
import { watchFrozen } from './frozen-watch.js';
import { Random } from './random.js';
import { type Counts, DrillRecord } from './record.js';
import { Results } from './results.js';
import { User } from './user.js';
import { TICKS_PER_SECOND, treeOf } from './user-tree.js';

export interface DrillOptions {
  /** Chooses what happens; when it happens differs from run to run all the same. */
  readonly seed: number;
  /** How long there are faults; before, the trees run once undisturbed, and afterwards all comes to its end. */
  readonly seconds: number;
  readonly faults: readonly [FaultName, ...FaultName[]];
  /** Between two faults, in milliseconds. */
  readonly pauseMs: { readonly least: number; readonly most: number };
  readonly users: number;
  /** How long the tasks of a tree work at least. */
  readonly treeSeconds: number;
  readonly workers: number;
  readonly storages: number;
  readonly coordinators: number;
  readonly carrier: 'volume' | 'nats';
  /** Where the cluster has its data, in a folder of its own: it stays when something was violated. */
  readonly folder: string;
  /** Gets a line about each thing as it happens. */
  readonly tell: (line: string) => void;
  /** Ends it early: the cluster is stopped, and nothing is left. */
  readonly signal?: AbortSignal;
}

export interface DrillReport {
  readonly counts: Counts;
  /** What must never be, and was. None: the cluster has stood it all. */
  readonly violations: readonly string[];
  /** What is left of the cluster, to be looked at. */
  readonly folder?: string;
}

const POLL_MS = 200;
/** In which checkpoints that are under way at the end must be over. */
const SETTLED_MS = 120_000;

/**
 * Users work on a cluster while its processes are killed and stand still. What they see must be right all the while, and in the end all must
 * be in order.
 * @throws EIO the cluster does not start; ENOENT there is no nats-server; EINTR `signal`
 */
export async function drill(options: DrillOptions): Promise<DrillReport> {
  const folder = await mkdtemp(join(options.folder, 'ckptree-drill-'));
  const record = new DrillRecord(options.tell);
  try {
    await withCluster(folder, options, record, (cluster, client) =>
      runDrill(cluster, client, options, record),
    );
    await checkLogs(join(folder, 'log'), record);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const { counts, violations } = record;
  if (violations.length > 0) return { counts, violations, folder };
  await rm(folder, { recursive: true, force: true });
  return { counts, violations };
}

async function withCluster(
  folder: string,
  { workers, storages, coordinators, carrier, signal }: DrillOptions,
  record: DrillRecord,
  work: (cluster: LocalCluster, client: Client) => Promise<void>,
): Promise<void> {
  const { NATS_URL: _, ...env } = process.env;
  const cluster = await LocalCluster.start({
    ...{ dataFolder: folder, workers, storages, coordinators, carrier, env },
    ...(signal !== undefined && { signal }),
    args: { worker: WORKER },
    onEvent: (event) => {
      if (event.type === 'failed') record.count(`${event.role}: did not start`, event.error.message);
    },
  });
  try {
    const client = await connect({ url: cluster.natsUrl });
    try {
      while ((await client.workers()).length < workers) await sleep(POLL_MS);
      await Promise.race([work(cluster, client), interruption(signal)]);
    } finally {
      await client.close();
    }
  } finally {
    await cluster.stop();
  }
}

/** Never resolves. @throws EINTR when the signal is raised */
const interruption = (signal?: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const onAbort = (): void => reject(new CkptError('EINTR', 'the drill was interrupted'));
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
  });

const WORKER = [
  '--cpus',
  '1',
  '--threads',
  '1',
  '--memory',
  '256M',
  '--ticks-per-second',
  `${TICKS_PER_SECOND}`,
];

async function runDrill(
  cluster: LocalCluster,
  client: Client,
  options: DrillOptions,
  record: DrillRecord,
): Promise<void> {
  const random = new Random(options.seed);
  const results = await undisturbed(client, options, record);
  const ledger = new EventLedger(record);
  const [over, closed] = [new AbortController(), new AbortController()];
  const accepted = new Set<string>();
  const users = results.map(
    (own, number) =>
      new User({
        ...{ number, client, record, results: own, accepted },
        random: new Random(options.seed + 1 + number),
        treeSeconds: options.treeSeconds,
        over: over.signal,
      }),
  );
  const reading = readEvents(client, ledger, closed.signal);
  const watching = watchFrozen(client, record, closed.signal);
  try {
    const working = Promise.all(users.map((user) => user.run()));
    const until = performance.now() + options.seconds * 1e3;
    while (performance.now() < until) await strike(cluster, random, options, record);
    record.count('no more faults');
    over.abort();
    await working;
    await settled(client, record);
  } finally {
    over.abort();
    closed.abort();
    await Promise.all([reading, watching]);
  }
  await checkStore(client, ledger.close(accepted), record);
}

/** How the tree of each user ends when nothing happens. */
async function undisturbed(
  client: Client,
  { users, treeSeconds }: DrillOptions,
  record: DrillRecord,
): Promise<Results[]> {
  const results = await Promise.all(
    Array.from({ length: users }, async (_, user) => {
      const { tree } = await client.spawn(treeOf(user, treeSeconds));
      for (;;) {
        const { running, ends } = await client.ends(tree);
        if (running === 0) return new Results(ends, record);
        await sleep(POLL_MS);
      }
    }),
  );
  record.count('undisturbed', `the trees of ${users} users have ended`);
  return results;
}

async function strike(
  cluster: LocalCluster,
  random: Random,
  { faults, pauseMs }: DrillOptions,
  record: DrillRecord,
): Promise<void> {
  await sleep(random.between(pauseMs.least, pauseMs.most));
  const name = random.pick(faults);
  record.count(`fault: ${name}`, await FAULTS[name].strike(cluster, random));
}

async function readEvents(client: Client, ledger: EventLedger, signal: AbortSignal): Promise<void> {
  for await (const event of client.events({ from: 'beginning', signal })) ledger.enter(event);
}

/** Nothing is under way any more, and whoever reads events has been told. */
async function settled(client: Client, record: DrillRecord): Promise<void> {
  const until = performance.now() + SETTLED_MS;
  for (;;) {
    const active = await client.checkpoints({ active: true });
    if (active.length === 0) break;
    if (performance.now() > until) {
      record.violation(`still under way: ${JSON.stringify(active)}`);
      break;
    }
    await sleep(POLL_MS);
  }
  await sleep(TOLD_MS);
}

/** An event of what has ended just now is told by then. */
const TOLD_MS = 5_000;
