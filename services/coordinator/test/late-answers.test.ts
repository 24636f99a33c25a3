import { CkptError } from '@ckptree/errors';
import {
  type Connection,
  recordsOf,
  type Schedule,
  serve,
  serveAll,
  type TaskRow,
  worker,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gather } from '../dist/checkpoint/gather.js';
import { prepare } from '../dist/checkpoint/prepare.js';
import { Schedules } from '../dist/schedules.js';
import { livingRows } from '../dist/tree/living-rows.js';
import { signalTasks } from '../dist/tree/signal-tasks.js';
import { startRecorded } from '../dist/tree/start-recorded.js';
import { startTree } from '../dist/tree/start-tree.js';
import { TreeKeeper } from '../dist/tree/tree-keeper.js';
import { Trees } from '../dist/tree/trees.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { until } from './support/test-cluster.js';

let bare: BareCluster;
let connection: Connection;
beforeAll(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
});
afterAll(() => bare?.stop());

type TreeRecords = Parameters<typeof Trees.load>[0];

/** No trees at first, whose records go nowhere unless said. */
const treesOf = (records: Partial<TreeRecords> = {}): Promise<Trees> =>
  Trees.load({
    list: async () => [],
    put: async () => 1,
    delete: async () => true,
    ...records,
  } as TreeRecords);

const record = (host: string) => ({
  version: 1 as const,
  tree: TREE,
  rootPid: 1,
  workers: [host],
  created: new Date().toISOString(),
});

const NEVER = new AbortController().signal;
const TREE = 't-5f0c6a1b2d3e';

/** All workers are alive. */
const workers = {
  isAlive: () => true,
  whileAlive: (_: readonly string[], signal: AbortSignal, work: (signal: AbortSignal) => Promise<unknown>) =>
    work(signal),
};

const row = (pid: number, ppid: number, state: TaskRow['state'], on: string): TaskRow => ({
  pid,
  ppid,
  tgid: pid,
  pgid: pid,
  sid: pid,
  comm: 'task',
  state,
  ticks: 0,
  tree: TREE,
  worker: on,
});
const [RUNS, ENDED] = [row(1, 0, 'running', 'w1'), row(2, 1, 'zombie', 'w2')];

describe('what a worker does not tell of', () => {
  test('is not taken for ended, and its pids not for free', async () => {
    const disowned: number[][] = [];
    const served = serve(connection, worker('w2').disown, async ({ parents }) => {
      disowned.push(parents);
      return { gone: 0 };
    });
    const listings = [
      { rows: [ENDED], missing: ['w1'] },
      { rows: [RUNS, ENDED], missing: [] },
    ];
    const table = { list: async () => listings.shift(), workersOf: () => ['w2'] };
    await expect(livingRows({ connection, table } as never)).resolves.toEqual([RUNS, ENDED]);
    expect(disowned).toEqual([]);
    await served.stop();
  });

  test('is not left out of what a signal is to reach', async () => {
    const table = {
      locate: async () => ({ tree: TREE, rootPid: 1 }),
      subtree: async () => ({ rows: [row(2, 1, 'running', 'w1')], missing: ['w2'] }),
      workersOf: () => [],
    };
    const told = signalTasks({ connection, table } as never, 2, 'kill');
    await expect(told).rejects.toMatchObject({ code: 'EAGAIN', fields: { pid: 2 } });
  });

  test('is not left out of the end of a tree, which is told once', async () => {
    const served = serve(connection, worker('w1').fragments, async () => ({ tasks: 0, roots: [] }));
    const ends = [
      { rows: [{ pid: 1 }], missing: ['w2'] },
      { rows: [{ pid: 1 }, { pid: 2 }], missing: [] },
    ];
    const trees = await treesOf();
    await trees.put({ ...record('w1'), state: 'running' });
    const told: object[] = [];
    const table = { workersOf: () => ['w1'], absentOf: () => [], ends: async () => ends.shift() };
    const events = { tell: (event: object) => told.push(event) };
    const keeper = new TreeKeeper({ connection, workers, trees, table, events } as never, () => undefined);
    await until(() => trees.get(TREE).state === 'ended');
    await keeper.close();
    expect(told).toEqual([{ type: 'ended', tree: TREE, rootPid: 1, tasks: 2 }]);
    await served.stop();
  });
});

test.each([
  ['is given up as a whole', ['kill', 'removed'], false],
  ['is left to the next leader when the term ends over it: the record may say so', [], true],
])('a tree that runs, and whose record cannot say so, %s', async (_, expected, ends) => {
  const term = new AbortController();
  const done: string[] = [];
  const { spawn, start, abandon, signal, fragments } = worker('w5');
  const served = serveAll(
    connection,
    { spawn, start, abandon, signal, fragments },
    {
      fragments: async () => ({ tasks: 0, roots: [] }),
      spawn: async () => ({ tasks: 1 }),
      start: async () => ({ tasks: 1 }),
      abandon: async () => {
        throw new CkptError('EBUSY', 'it runs');
      },
      signal: async (request) => {
        done.push(request.signal);
        return { tasks: 1 };
      },
    },
  );
  const trees = await treesOf({
    put: async (_, { state }) => {
      if (state !== 'running') return 1;
      if (ends) term.abort();
      throw new CkptError('ETIMEDOUT', 'JetStream did not answer');
    },
    delete: async () => {
      done.push('removed');
      return true;
    },
  });
  const parts = { connection, workers, trees } as never;
  const options = { parts: new Map([['w5', {}]]), signal: term.signal };
  await expect(startRecorded(parts, record('w5'), options)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(done).toEqual(expected);
  await served.stop();
});

test('a tree that is removed while it is noted what was lost of it stays removed, and of the others it is noted', async () => {
  const written: string[] = [];
  const trees = await treesOf({
    put: async (tree, { lost = [] }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      written.push(`${tree} ${lost}`);
      return 1;
    },
    delete: async (tree) => {
      written.push(`${tree} removed`);
      return true;
    },
  });
  const other = TREE.replace(/.$/, 'f');
  await trees.put({ ...record('w6'), state: 'starting' });
  await trees.put({ ...record('w6'), tree: other, state: 'running' });
  const keeper = new TreeKeeper({ trees, table: { absentOf: () => ['w6'] } } as never, () => undefined);
  const removing = trees.remove(TREE);
  await keeper.lost('w6');
  await removing;
  await keeper.close();
  expect(trees.find(TREE)).toBeUndefined();
  expect(written.slice(2)).toEqual([`${TREE} removed`, `${other} w6`]);
});

describe('a worker that lives is asked again', () => {
  test('to start its part, when it cannot be reached at first, and to give it up', async () => {
    const parts = { connection, workers, trees: await treesOf() } as never;
    const options = { parts: new Map([['w3', {}]]), signal: NEVER };
    const told = expect(startRecorded(parts, record('w3'), options)).rejects.toMatchObject({
      code: 'ENOENT',
    });
    const spawned = serve(connection, worker('w3').spawn, async () => ({ tasks: 1 }));
    let refused: () => void = () => undefined;
    const hasRefused = new Promise<void>((resolve) => (refused = resolve));
    const started = serve(connection, worker('w3').start, async () => {
      refused();
      throw new CkptError('ENOENT', 'it cannot be started');
    });
    await hasRefused;
    // By now it has been asked in vain.
    await new Promise((resolve) => setTimeout(resolve, 200));
    let abandoned = 0;
    const given = serve(connection, worker('w3').abandon, async () => {
      abandoned++;
      return {};
    });
    await told;
    expect(abandoned).toBe(1);
    await Promise.all([spawned, started, given].map((served) => served.stop()));
  });

  test('and its error is told at once, whatever its code', async () => {
    let asked = 0;
    const spawned = serve(connection, worker('w4').spawn, async () => {
      asked++;
      throw new CkptError('EAGAIN', 'the process table is full');
    });
    const given = serve(connection, worker('w4').abandon, async () => ({}));
    const tree = { tree: TREE, rootPid: 1, parts: new Map([['w4', {}]]), signal: NEVER };
    await expect(startTree({ connection, workers } as never, tree)).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(asked).toBe(1);
    await Promise.all([spawned, given].map((served) => served.stop()));
  });

  const checkpoint = newManifestId();
  const request = { version: 1, checkpoint, pid: 1, requested: new Date().toISOString() };

  test.each(['prepare', 'resume'] as const)('to %s the tasks of a cut', async (lost) => {
    let asked = 0;
    let answer: () => void = () => undefined;
    const loseFirst = async (verb: typeof lost): Promise<void> => {
      if (verb === lost && ++asked === 1) await new Promise<void>((resolve) => (answer = resolve));
    };
    const prepared = serve(connection, worker('w5').prepare, async () => {
      await loseFirst('prepare');
      return { tasks: 1, freezeUs: 1, snapshotUs: 1 };
    });
    const resumed = serve(connection, worker('w5').resume, async () => {
      await loseFirst('resume');
      return { downtimeUs: 42, expired: false };
    });
    const changes: { state?: string; figures?: object }[] = [];
    const keeper = {
      record: { checkpoint, request },
      change: async (change: object) => changes.push(change),
    };
    const parts = {
      connection,
      workers,
      table: { locate: async () => ({ tree: TREE, rootPid: 1, workers: ['w5'] }) },
      trees: { get: () => ({ workers: ['w5'] }) },
      events: { tell: () => undefined },
      limits: { leaseMs: 16_000, describeMs: 20_000 },
    };
    await prepare(parts as never, { keeper, signal: NEVER, term: NEVER } as never);
    expect(changes.at(-1)).toMatchObject({ state: 'dumping', figures: { downtimeUs: 42 } });
    expect(asked).toBe(2);
    answer();
    await Promise.all([prepared, resumed].map((served) => served.stop()));
  });

  test('what its part holds', async () => {
    let asked = 0;
    let answer: () => void = () => undefined;
    const described = serve(connection, worker('w6').describe, async () => {
      if (++asked === 1) await new Promise<void>((resolve) => (answer = resolve));
      throw new CkptError('ENOSYS', 'it cannot be saved');
    });
    const keeper = { record: { checkpoint, request, workers: ['w6'] } };
    const parts = { connection, limits: { describeMs: 6_000 } };
    const told = gather(parts as never, { keeper, signal: NEVER, term: NEVER } as never);
    await expect(told).rejects.toMatchObject({ code: 'ENOSYS' });
    expect(asked).toBe(2);
    answer();
    await described.stop();
  });
});

test('a schedule that is removed while its checkpoint is asked for stays removed', async () => {
  let fail: (error: unknown) => void = () => undefined;
  const outage = new Promise<never>((_, reject) => (fail = reject));
  let asked = false;
  const queue = () => {
    asked = true;
    return outage;
  };
  const saved: { schedules: Schedule[] }[] = [];
  const records = {
    get: async () => undefined,
    put: async (_: string, value: { schedules: Schedule[] }) => saved.push(value),
  };
  const schedules = await Schedules.begin({
    queue,
    records,
    locate: async () => undefined,
    isRunning: () => false,
    onMissed: () => undefined,
    onError: () => undefined,
  } as never);
  await schedules.put({ schedule: 's-1', pid: 1, everyMs: 1_000 });
  await until(() => asked);
  await schedules.remove('s-1');
  fail(new CkptError('EPIPE', 'the connection was closed'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(schedules.list()).toEqual([]);
  expect(saved.at(-1)?.schedules).toEqual([]);
  schedules.close();
});

test('a schedule is ended by whoever hears nothing of that, and asks again', async () => {
  const schedules = await Schedules.begin({
    queue: async () => undefined,
    records: recordsOf(connection).schedules,
    locate: async () => undefined,
    isRunning: () => false,
    onMissed: () => undefined,
    onError: () => undefined,
  });
  await schedules.put({ schedule: 's-1', pid: 1, everyMs: 3_600_000 });
  await schedules.remove('s-1');
  await schedules.remove('s-1');
  expect(schedules.list()).toEqual([]);
  schedules.close();
});
