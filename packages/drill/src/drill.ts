import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect } from '@ckptree/client';
import { CkptError } from '@ckptree/errors';
import { LocalCluster } from '@ckptree/local-cluster';
import type { Secret } from '@ckptree/store';
import { checkLogs } from './check-logs.js';
import { checkStore } from './check-store.js';
import { checkWorkers } from './check-workers.js';
import { EventLedger } from './event-ledger.js';
import { type FaultName, faultOf, type Victim } from './faults.js';
import { Operator } from './operator.js';
import { type OwnDisk, ownDisk } from './own-disk.js';
import { Random } from './random.js';
import { readEvents } from './read-events.js';
import { type Counts, DrillRecord } from './record.js';
import { Results } from './results.js';
import { watchTasks } from './task-watch.js';
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
  readonly encrypted: boolean;
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
 * Users work on a cluster while harm is done to it. What they see must be right all the while, and in the end all must be in order.
 * @throws EIO the cluster does not start; ENOENT there is no nats-server; EPERM no fault is left that this user may do; EINTR `signal`
 */
export async function drill(options: DrillOptions): Promise<DrillReport> {
  const folder = await mkdtemp(join(options.folder, 'ckptree-drill-'));
  const record = new DrillRecord(options.tell);
  let disk: OwnDisk | undefined;
  let isKept = false;
  try {
    disk = await diskFor(folder, options, record);
    const [first, ...others] = options.faults.filter((name) => disk !== undefined || !needsOwnDisk(name));
    if (first === undefined)
      throw new CkptError('EPERM', `this user may not mount a tmpfs, which ${options.faults.join()} needs`);
    const possible = { ...options, faults: [first, ...others] } as const;
    await withCluster(folder, options, record, (cluster, client, secrets) =>
      runDrill({ cluster, folder }, client, { ...possible, secrets }, record),
    );
    await checkLogs(join(folder, 'log'), record);
    isKept = record.violations.length > 0;
  } finally {
    await disk?.remove(isKept);
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
  const { counts, violations } = record;
  return { counts, violations, ...(isKept && { folder }) };
}

const needsOwnDisk = (name: FaultName): boolean => faultOf(name).needsOwnDisk === true;

/** The disk of the store, where a fault needs one of its own and there may be one. */
async function diskFor(
  folder: string,
  { faults }: DrillOptions,
  record: DrillRecord,
): Promise<OwnDisk | undefined> {
  const needing = faults.filter(needsOwnDisk);
  if (needing.length === 0) return undefined;
  const disk = await ownDisk(join(folder, 'store'));
  if (disk === undefined) record.count(`left out: ${needing.join()}`, 'this user may not mount a tmpfs');
  return disk;
}

async function withCluster(
  folder: string,
  { workers, storages, coordinators, carrier, encrypted, signal }: DrillOptions,
  record: DrillRecord,
  work: (cluster: LocalCluster, client: Client, secrets: readonly Secret[]) => Promise<void>,
): Promise<void> {
  const { NATS_URL: _, ...env } = process.env;
  const keyFile = join(folder, 'key');
  const key = randomBytes(32);
  if (encrypted) await writeFile(keyFile, key, { mode: 0o600 });
  const secret = encrypted ? ['--key-file', keyFile] : [];
  const cluster = await LocalCluster.start({
    ...{ dataFolder: folder, workers, storages, coordinators, carrier, env },
    ...(signal !== undefined && { signal }),
    args: { worker: [...WORKER, ...secret], coordinator: [...COORDINATOR, ...secret], storage: secret },
    onEvent: (event) => {
      if (event.type === 'failed') record.count(`${event.role}: did not start`, event.error.message);
    },
  });
  try {
    const client = await connect({ url: cluster.natsUrl });
    try {
      while ((await client.workers()).length < workers) await sleep(POLL_MS);
      const secrets = encrypted ? [{ keyFile: key }] : [];
      await Promise.race([work(cluster, client, secrets), interruption(signal)]);
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

/** The store is looked after all the while. */
const COORDINATOR = ['--gc-every', '20s', '--verify-every', '30s'];

async function runDrill(
  victim: Victim,
  client: Client,
  options: DrillOptions & { readonly secrets: readonly Secret[] },
  record: DrillRecord,
): Promise<void> {
  const random = new Random(options.seed);
  const results = await undisturbed(client, options, record);
  const ledger = new EventLedger(record);
  const [over, closed] = [new AbortController(), new AbortController()];
  const users = results.map(
    (own, number) =>
      new User({
        ...{ number, client, record, ledger, results: own },
        random: new Random(options.seed + 1 + number),
        treeSeconds: options.treeSeconds,
        over: over.signal,
      }),
  );
  const operator = new Operator({
    ...{ client, record, users: options.users },
    random: new Random(options.seed + 1 + options.users),
    over: over.signal,
  });
  const reading = readEvents(client, ledger, record, closed.signal);
  const watching = watchTasks(client, record, closed.signal);
  try {
    const working = Promise.all([...users, operator].map((one) => one.run()));
    const until = performance.now() + options.seconds * 1e3;
    while (performance.now() < until) await strike(victim, random, options, record);
    record.count('no more faults');
    over.abort();
    await working;
    await settled(client, record);
  } finally {
    over.abort();
    closed.abort();
    await Promise.all([reading, watching]);
  }
  ledger.close();
  await checkWorkers(client, record);
  const store = await client.store({ secrets: options.secrets });
  try {
    await checkStore(client, store, ledger, record);
  } finally {
    await store.close();
  }
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
  victim: Victim,
  random: Random,
  { faults, pauseMs }: DrillOptions,
  record: DrillRecord,
): Promise<void> {
  await sleep(random.between(pauseMs.least, pauseMs.most));
  const name = random.pick(faults);
  const { explains = [], strike } = faultOf(name);
  record.explain(explains);
  record.count(`fault: ${name}`, await strike(victim, random));
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
