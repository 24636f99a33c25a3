import { type Client, connect } from '@ckptree/client';
import { CkptError } from '@ckptree/errors';
import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection, type coordinator, ensureCluster, type RequestOf, type TaskRow } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Script, ScriptedCoordinator, type Step } from './support/scripted-coordinator.js';

let nats: TestServer;
const clients: Client[] = [];
const coordinators: { readonly part: ScriptedCoordinator; readonly connection: Connection }[] = [];

beforeAll(async () => {
  nats = await testServer();
  const connection = await Connection.open({ url: nats.url, name: 'test' });
  await ensureCluster(connection);
  await connection.close();
});
afterEach(async () => {
  await nats.server.start();
  for (const { part, connection } of coordinators.splice(0)) {
    await part.stop();
    await connection.close();
  }
  for (const client of clients.splice(0)) await client.close();
});
afterAll(() => nats.remove());

async function client(): Promise<Client> {
  const connected = await connect({ url: nats.url });
  clients.push(connected);
  return connected;
}

async function coordinatorWith(
  handlers: ConstructorParameters<typeof ScriptedCoordinator>[1],
  script?: Script,
): Promise<ScriptedCoordinator> {
  const connection = await Connection.open({ url: nats.url, name: 'coordinator' });
  const part = new ScriptedCoordinator(connection, handlers, script);
  coordinators.push({ part, connection });
  await part.ready();
  return part;
}

async function until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const started = { tree: 't-5f0c6a1b2d3e', rootPid: 1, tasks: 3, workers: ['w1'] };
const figures = { tasks: 3, downtimeUs: 2_000 };
const succeeding: Step[] = [
  { type: 'accepted' },
  { type: 'prepared', workers: ['w1'], figures: {} },
  { type: 'resumed', figures },
  { type: 'progress', worker: 'w1', bytes: 1, totalBytes: 2 },
  { type: 'stored', figures },
  { type: 'completed', figures },
];
const task = (pid: number): TaskRow => ({
  pid,
  ppid: 0,
  tgid: pid,
  pgid: pid,
  sid: pid,
  comm: 'x',
  state: 'running',
  ticks: 1,
  tree: started.tree,
  worker: 'w1',
});

describe('trees', () => {
  test('README: are spawned, checkpointed, restarted', async () => {
    const restarts: RequestOf<typeof coordinator.restart.definition>[] = [];
    await coordinatorWith(
      {
        spawn: async () => started,
        restart: async (request) => {
          restarts.push(request);
          return started;
        },
      },
      () => succeeding,
    );
    const sdk = await client();
    const { rootPid } = await sdk.spawn({ root: { program: 'forktree', params: { depth: 3 } } });
    const checkpoint = await sdk.checkpoint(rootPid, { name: 'nightly' });
    const steps: string[] = [];
    for await (const { type } of checkpoint) steps.push(type);
    const done = await checkpoint.done;
    await sdk.restart(checkpoint.id, { on: 'worker-2' });
    expect(steps).toEqual(succeeding.map(({ type }) => type));
    expect(done).toEqual({ id: checkpoint.id, figures });
    expect(restarts).toMatchObject([{ checkpoint: checkpoint.id, on: 'worker-2', key: expect.any(String) }]);
  });

  test('are listed whole, however many pages there are', async () => {
    await coordinatorWith({
      ps: async ({ after = 0 }) => ({
        tasks: [task(after + 1), task(after + 2)],
        ...(after < 8 && { next: after + 2 }),
        ...(after === 4 && { missing: ['w9'] }),
      }),
      ends: async ({ after = 0 }) => ({
        ends: [],
        running: 7 - after,
        ...(after > 1 && { lost: ['w8'] }),
        ...(after < 3 && { next: after + 1 }),
      }),
    });
    const sdk = await client();
    const { tasks, missing } = await sdk.ps();
    expect(tasks.map(({ pid }) => pid)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(missing).toEqual(['w9']);
    await expect(sdk.ends(started.tree)).resolves.toEqual({
      ends: [],
      running: 7,
      missing: [],
      lost: ['w8'],
    });
  });

  test('are frozen, thawed and killed; what is wrong comes back by its code', async () => {
    const asked: unknown[] = [];
    await coordinatorWith({
      signal: async ({ pid, signal }) => {
        asked.push([pid, signal]);
        if (pid === 9) throw new CkptError('ESRCH', 'there is no task 9', { pid: 9 });
        return { tasks: 4 };
      },
    });
    const sdk = await client();
    await expect(sdk.freeze(1)).resolves.toBe(4);
    await expect(sdk.thaw(1)).resolves.toBe(4);
    await expect(sdk.kill(9)).rejects.toMatchObject({ code: 'ESRCH', fields: { pid: 9 } });
    await expect(sdk.kill(-1)).rejects.toMatchObject({ code: 'EINVAL', fields: { field: '/pid' } });
    expect(asked).toEqual([
      [1, 'freeze'],
      [1, 'thaw'],
      [9, 'kill'],
    ]);
  });

  test('workers, schedules, retention, checkpoints and cancel are what the coordinator says', async () => {
    const schedule = { schedule: 's-1', pid: 1, everyMs: 30_000 };
    const policies: unknown[] = [];
    await coordinatorWith({
      workers: async () => ({ workers: [] }),
      schedule: async ({ schedule: id = '', pid }) => ({ schedule: id, pid }),
      schedules: async () => ({ schedules: [schedule] }),
      unschedule: async () => ({}),
      retention: async ({ action, policy, dryRun }) => {
        policies.push([action, policy, dryRun]);
        return { policy: policy ?? {}, forgotten: ['20261123t153926123-7f3a9c2e'] };
      },
      cancel: async () => ({ state: 'cancelled' }),
      checkpoints: async ({ active }) => ({ checkpoints: [], ...(active === true && {}) }),
    });
    const sdk = await client();
    await expect(sdk.workers()).resolves.toEqual([]);
    await expect(sdk.schedule({ pid: 1, everyMs: 30_000 })).resolves.toMatchObject({ pid: 1 });
    await expect(sdk.schedules()).resolves.toEqual([schedule]);
    await sdk.unschedule('s-1');
    await expect(sdk.unschedule('s-2')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sdk.retention({ keepLast: 3 })).resolves.toEqual({ policy: { keepLast: 3 } });
    await expect(sdk.applyRetention({ dryRun: true })).resolves.toEqual({
      policy: {},
      forgotten: ['20261123t153926123-7f3a9c2e'],
    });
    await expect(sdk.cancel('20261123t153926123-7f3a9c2e')).resolves.toBe('cancelled');
    await expect(sdk.checkpoints({ active: true })).resolves.toEqual([]);
    expect(policies).toEqual([
      ['set', { keepLast: 3 }, undefined],
      ['apply', undefined, true],
    ]);
  });
});

describe('a request', () => {
  test.each([2 ** 31, Number.POSITIVE_INFINITY, 20_000.5])('may take %d ms', async (timeoutMs) => {
    await coordinatorWith({
      workers: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { workers: [] };
      },
    });
    const sdk = await client();
    await expect(sdk.workers({ timeoutMs })).resolves.toEqual([]);
  });

  test.each([-1, Number.NaN])('cannot take %d ms', async (timeoutMs) => {
    const sdk = await client();
    const einval = { code: 'EINVAL', fields: { field: 'timeoutMs' } };
    await expect(sdk.workers({ timeoutMs })).rejects.toMatchObject(einval);
    await expect(sdk.follow('20261123t153926123-7f3a9c2e', { timeoutMs }).done).rejects.toMatchObject(einval);
  });

  test('waits for a coordinator to come', async () => {
    const sdk = await client();
    const workers = sdk.workers();
    await coordinatorWith({ workers: async () => ({ workers: [] }) });
    await expect(workers).resolves.toEqual([]);
  });

  test('says that none came in time, or that it was given up', async () => {
    const sdk = await client();
    await expect(sdk.workers({ timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'EAGAIN' });
    await expect(sdk.workers({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ code: 'EINTR' });
    let answer = (): void => undefined;
    const late = new Promise<{ workers: [] }>((resolve) => {
      answer = () => resolve({ workers: [] });
    });
    await coordinatorWith({ workers: () => late });
    await expect(sdk.workers({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    answer();
  });

  test('that a coordinator leaves to the next is sent again with its key, until its time is over', async () => {
    const keys: (string | undefined)[] = [];
    await coordinatorWith({
      spawn: async ({ key, name }) => {
        keys.push(key);
        if (keys.length === 1 || name === 'never') throw new CkptError('ERESTART', 'it led no longer');
        return started;
      },
    });
    const sdk = await client();
    await expect(sdk.spawn({})).resolves.toEqual(started);
    expect(keys).toEqual([expect.any(String), keys[0]]);
    await expect(sdk.spawn({}, { name: 'never', timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      cause: { code: 'ERESTART' },
    });
  });

  test('survives an outage of NATS', async () => {
    await coordinatorWith({ workers: async () => ({ workers: [] }) });
    const sdk = await client();
    await nats.server.stop();
    await until(() => !sdk.connected);
    const workers = sdk.workers();
    await nats.server.start();
    await expect(workers).resolves.toEqual([]);
  });
});

describe('a checkpoint', () => {
  test('that fails rejects with its reason; who does not look is not struck by it', async () => {
    const error = { code: 'EBUSY', message: 'MM 3 has 2 users', fields: { object: 'MM', objref: 3 } };
    await coordinatorWith({}, () => [{ type: 'accepted' }, { type: 'failed', error }]);
    const sdk = await client();
    const ignored = await sdk.checkpoint(1);
    const seen: string[] = [];
    for await (const { type } of ignored) seen.push(type);
    expect(seen).toEqual(['accepted', 'failed']);
    await expect(ignored.done).rejects.toMatchObject({ code: 'EBUSY', fields: { object: 'MM', objref: 3 } });
  });

  test('that is accepted while no coordinator lives is done when one comes', async () => {
    const sdk = await client();
    const checkpoint = await sdk.checkpoint(1, { labels: { a: 'b' } });
    const coordinating = await coordinatorWith({}, () => succeeding);
    await expect(checkpoint.done).resolves.toMatchObject({ figures });
    expect(coordinating.requests).toMatchObject([{ pid: 1, labels: { a: 'b' }, checkpoint: checkpoint.id }]);
  });

  test('with the same key is the same checkpoint, whoever asks', async () => {
    const coordinating = await coordinatorWith(
      { checkpoints: async () => ({ checkpoints: [] }) },
      () => succeeding,
    );
    const [one, other] = [await client(), await client()];
    const handles = await Promise.all([
      one.checkpoint(1, { key: 'k' }),
      other.checkpoint(1, { key: 'k' }),
      one.checkpoint(1, { key: 'k' }),
    ]);
    const ids = new Set(handles.map(({ id }) => id));
    expect(ids.size).toBe(1);
    await Promise.all(handles.map(({ done }) => done));
    const another = await one.checkpoint(1, { key: 'other' });
    await another.done;
    expect(coordinating.requests.map(({ checkpoint }) => checkpoint)).toEqual([...ids, another.id]);
  });

  test('is followed by its id, also when its events are gone', async () => {
    const checkpoint = '20261123t153926123-00000001';
    const requested = '2026-11-23T15:39:26.123Z';
    await coordinatorWith({
      checkpoints: async () => ({
        checkpoints: [{ checkpoint, state: 'completed', pid: 1, requested, figures }],
      }),
    });
    const sdk = await client();
    await expect(sdk.follow(checkpoint).done).resolves.toEqual({ id: checkpoint, figures });
  });

  test('of which nobody knows is not waited for without a word of that', async () => {
    const checkpoint = '20261123t153926123-00000002';
    let failure = new CkptError('ENOENT', `the cluster knows no checkpoint ${checkpoint}`);
    await coordinatorWith({ checkpoints: () => Promise.reject(failure) });
    const sdk = await client();
    // It may have been asked for, and not be accepted yet.
    await expect(sdk.follow(checkpoint, { timeoutMs: 1_000 }).done).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      cause: { code: 'ENOENT' },
    });
    failure = new CkptError('EBADMSG', `the record of ${checkpoint} breaks its schema`);
    await expect(sdk.follow(checkpoint).done).rejects.toMatchObject({ code: 'EBADMSG' });
  });

  test('is cancelled, and says so', async () => {
    let cancelled = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    await coordinatorWith(
      {
        cancel: async () => {
          cancelled();
          return { state: 'cancelled' };
        },
      },
      async function* () {
        yield { type: 'accepted' };
        await waiting;
        yield { type: 'cancelled' };
      },
    );
    const sdk = await client();
    const checkpoint = await sdk.checkpoint(1);
    await expect(checkpoint.cancel()).resolves.toBe('cancelled');
    await expect(checkpoint.done).rejects.toMatchObject({ code: 'EINTR' });
  });

  test('is cancelled also before a coordinator has taken the request out of the queue', async () => {
    let asked = 0;
    await coordinatorWith({
      cancel: async () => {
        if (++asked === 1) throw new CkptError('ENOENT', 'there is no such checkpoint');
        return { state: 'cancelled' };
      },
    });
    const sdk = await client();
    const checkpoint = await sdk.checkpoint(1);
    await expect(checkpoint.cancel()).resolves.toBe('cancelled');
    await expect(sdk.follow(checkpoint.id).cancel()).resolves.toBe('cancelled');
  });

  test('that is not known, or does not become known in time, cannot be cancelled', async () => {
    await coordinatorWith({
      cancel: async () => {
        throw new CkptError('ENOENT', 'there is no such checkpoint');
      },
    });
    const sdk = await client();
    const known = await sdk.checkpoint(1);
    await expect(known.cancel({ timeoutMs: 500 })).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sdk.follow('20261123t153926123-7f3a9c2e').cancel()).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  test('is not waited for longer than was said', async () => {
    const sdk = await client();
    const late = await sdk.checkpoint(1, { timeoutMs: 1_000 });
    await expect(late.done).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const abort = new AbortController();
    const given = await sdk.checkpoint(1, { signal: abort.signal });
    abort.abort();
    await expect(given.done).rejects.toMatchObject({ code: 'EINTR' });
    await expect(sdk.checkpoint(0)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(sdk.checkpoint(1, { stop: true, leaveFrozen: true })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    const clearing = await coordinatorWith({});
    await until(() => clearing.requests.length === 2);
  });

  test('is told to its end over a crash of the server', async () => {
    let restarted = (): void => undefined;
    const back = new Promise<void>((resolve) => {
      restarted = resolve;
    });
    await coordinatorWith({}, async function* () {
      yield* succeeding.slice(0, 3);
      await back;
      yield* succeeding.slice(3);
    });
    const sdk = await client();
    const checkpoint = await sdk.checkpoint(1);
    const seen: string[] = [];
    const iterating = (async () => {
      for await (const { type } of checkpoint) seen.push(type);
    })();
    await until(() => seen.length === 3);
    await nats.server.kill();
    await until(() => !sdk.connected);
    restarted();
    await nats.server.start();
    await iterating;
    await expect(checkpoint.done).resolves.toMatchObject({ figures });
    expect(seen).toEqual(succeeding.map(({ type }) => type));
  });
});

describe('events', () => {
  test('are read from a place, by a filter, with their sequence', async () => {
    const coordinating = await coordinatorWith({});
    await coordinating.publish({ type: 'worker.joined', worker: 'w7', host: 'h' }, 'w7.joined.1');
    await coordinating.publish({ type: 'worker.lost', worker: 'w7', reason: 'left' }, 'w7.lost.1');
    const sdk = await client();
    const seen = [];
    for await (const event of sdk.events({ from: 'beginning', filter: { worker: 'w7' }, follow: false }))
      seen.push(event);
    expect(seen).toMatchObject([{ type: 'worker.joined' }, { type: 'worker.lost' }]);
    const from = { sequence: seen[0]!.sequence + 1 };
    for await (const { type } of sdk.events({ from, filter: { worker: 'w7' } })) {
      expect(type).toBe('worker.lost');
      break;
    }
    for await (const { type } of sdk.events({ from: { time: new Date(0) } })) {
      expect(type).toBeDefined();
      break;
    }
  });

  test.each([{ sequence: Number.NaN }, { time: new Date('no time') }])(
    'are not read from %o',
    async (from) => {
      await expect((await client()).events({ from }).next()).rejects.toMatchObject({ code: 'EINVAL' });
    },
  );
});
