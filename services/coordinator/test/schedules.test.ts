import { CkptError } from '@ckptree/errors';
import { testServer } from '@ckptree/nats-server/testing';
import {
  type CheckpointRequest,
  Connection,
  ensureCluster,
  queueRequest,
  recordsOf,
  type Schedule,
  takeRequests,
} from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Schedules, type SchedulesParts } from '../dist/schedules.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OLD = '20200101t000000000-00000000';

describe('in a cluster', () => {
  const PID = 20;
  const SPEC = { root: { pid: PID, program: 'idle', params: { forever: true } } };

  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await testCluster();
  });
  afterAll(() => cluster?.stop());

  test('a schedule for a task that is not there is refused', async () => {
    const { client } = cluster;
    await expect(client.schedule({ pid: 4_711, everyMs: 1_000 })).rejects.toMatchObject({
      code: 'ESRCH',
      fields: { pid: 4_711 },
    });
    expect(await client.schedules()).toEqual([]);
  });

  test('a schedule rests while its task is not there, says so, and goes on when it is there again', async () => {
    const { client } = cluster;
    await client.spawn(SPEC);
    await client.schedule({ schedule: 'nightly', pid: PID, everyMs: 1_000 });
    const now = async () => (await client.schedules()).find(({ schedule }) => schedule === 'nightly')!;
    const stored = async () => (await client.list({ schedule: 'nightly' })).checkpoints;
    await until(async () => (await stored()).length > 0);
    await client.kill(PID);
    await until(async () => (await now()).lastError?.code === 'ESRCH');
    await until(async () => (await client.checkpoints({ active: true })).length === 0);

    const asked = (await client.checkpoints()).length;
    const { next = '' } = await now();
    await until(async () => (await now()).next! > next);
    expect(await client.checkpoints()).toHaveLength(asked);

    await client.restart((await stored()).at(-1)!.id);
    await until(async () => (await client.checkpoints()).length > asked);
    await until(async () => (await now()).lastError === undefined);
    await client.unschedule('nightly');
  });
});

describe('in a cluster, of what cannot be saved,', () => {
  const PID = 30;
  const SPEC = {
    root: { pid: PID, program: 'special', params: { flags: ['SHARED'], ticks: 1_000_000_000 } },
  };

  test('a schedule says when it ran last, and why that failed, also to the next leader', async () => {
    const { cluster, client, stop } = await testCluster();
    try {
      await client.spawn(SPEC);
      const asked = new Date().toISOString();
      await client.schedule({ schedule: 'futile', pid: PID, everyMs: DAY_MS });
      const now = async () => (await client.schedules())[0]!;
      await until(async () => (await now()).lastError !== undefined);
      const told = await now();
      const [failed] = await client.checkpoints();
      expect(told.last).toBe(failed!.checkpoint);
      expect(asked < told.lastRun! && told.lastRun! <= failed!.requested).toBe(true);
      expect(told.lastError).toEqual({ code: 'ENOSYS', message: failed!.error!.message, fields: {} });
      await cluster.get('coordinator-1').kill('SIGKILL');
      expect(await now()).toMatchObject({ lastRun: told.lastRun, lastError: told.lastError });
    } finally {
      await stop();
    }
  });
});

describe('the schedules that a leader keeps', () => {
  let bare: BareCluster;
  let schedules: Schedules;
  beforeAll(async () => {
    bare = await bareCluster();
  });
  afterEach(() => schedules?.close());
  afterAll(() => bare?.stop());

  async function begin(parts: Partial<SchedulesParts> = {}): Promise<Schedules> {
    schedules?.close();
    schedules = await Schedules.begin({
      queue: (request) => queueRequest(bare.connection, request),
      records: recordsOf(bare.connection).schedules,
      locate: async () => undefined,
      isRunning: () => false,
      onMissed: () => undefined,
      onError: () => undefined,
      ...parts,
    });
    return schedules;
  }

  const leave = (list: readonly Schedule[]) =>
    recordsOf(bare.connection).schedules.put('schedules', { version: 1, schedules: [...list] });

  const daily = (number: number): Schedule => ({ schedule: `daily-${number}`, pid: 1, everyMs: DAY_MS });

  test('are so many at most, and one more spoils nothing', async () => {
    await leave(Array.from({ length: 999 }, (_, number) => ({ ...daily(number), last: newManifestId() })));
    const kept = await begin();
    await kept.put(daily(999));
    await expect(kept.put(daily(1_000))).rejects.toMatchObject({ code: 'ENOSPC' });
    await kept.remove('daily-0');
    await kept.put(daily(1_000));
    expect((await begin()).list()).toHaveLength(1_000);
  });

  test('are as they were when they could not be written', async () => {
    await leave([]);
    const { schedules: records } = recordsOf(bare.connection);
    const failing = Object.assign(Object.create(records), {
      get: () => records.get('schedules'),
      put: async () => {
        throw new CkptError('EAGAIN', 'JetStream is not there');
      },
    });
    const kept = await begin({ records: failing });
    await expect(kept.put(daily(1))).rejects.toMatchObject({ code: 'EAGAIN' });
    expect(kept.list()).toEqual([]);
  });

  test('that are added at once are all kept', async () => {
    await leave([]);
    const kept = await begin();
    await Promise.all([1, 2, 3].map((number) => kept.put(daily(number))));
    expect((await begin()).list().map(({ schedule }) => schedule)).toEqual(['daily-1', 'daily-2', 'daily-3']);
  });

  test('tell how a checkpoint ended that did so before its request was known to be in the queue', async () => {
    await leave([]);
    const error = { code: 'EBUSY', message: 'x'.repeat(2_000), fields: {}, cause: { code: 'EIO' } };
    const queue = async (request: CheckpointRequest) =>
      kept.ended({ checkpoint: request.checkpoint, state: 'failed', request, error } as never);
    const kept = await begin({ queue });
    await kept.put({ schedule: 'quick', pid: 1, everyMs: DAY_MS });
    await until(() => kept.list()[0]!.lastError !== undefined);
    // Whatever is done with it is done before this.
    await kept.put(daily(1));
    const [quick] = (await begin()).list();
    expect(quick!.lastError).toEqual({ code: 'EBUSY', message: 'x'.repeat(1_000), fields: {} });
  });

  test('tell that a checkpoint was cancelled, and leave those of others out', async () => {
    await leave([]);
    const asked: CheckpointRequest[] = [];
    const kept = await begin({ queue: async (request) => void asked.push(request) });
    await kept.put({ schedule: 'mine', pid: 1, everyMs: DAY_MS });
    await until(() => kept.list()[0]!.last !== undefined);
    const [request] = asked as [CheckpointRequest];
    const { checkpoint } = request;
    await kept.ended({ checkpoint, state: 'cancelled', request: { ...request, pid: 2 } } as never);
    await kept.ended({ checkpoint, state: 'cancelled', request: { ...request, labels: {} } } as never);
    await kept.ended({ checkpoint: OLD, state: 'cancelled', request } as never);
    await kept.ended({ checkpoint, state: 'completed', request } as never);
    expect(kept.list()).toMatchObject([{ last: checkpoint, lastRun: request.requested }]);
    expect(kept.list()[0]!.lastError).toBeUndefined();
    await kept.ended({ checkpoint, state: 'cancelled', request } as never);
    expect(kept.list()[0]!.lastError).toMatchObject({ code: 'EINTR' });
  });

  test('do not ask any more when the term is over for what an outage held up', async () => {
    const nats = await testServer();
    const connection = await Connection.open({ url: nats.url, name: 'test' });
    try {
      await ensureCluster(connection);
      let asked = false;
      const kept = await begin({
        records: recordsOf(connection).schedules,
        queue: async (request, signal) => {
          await until(() => !connection.connected);
          asked = true;
          return queueRequest(connection, request, { timeoutMs: 5_000, signal });
        },
      });
      await kept.put({ schedule: 'held-up', pid: 1, everyMs: DAY_MS });
      await nats.server.stop();
      await until(() => asked);
      kept.close();
      await nats.server.start();
      const last = newManifestId();
      const requested = new Date().toISOString();
      await queueRequest(connection, { version: 1, checkpoint: last, pid: 2, requested });
      for await (const { request, ack } of takeRequests(connection)) {
        await ack();
        expect(request.checkpoint).toBe(last);
        break;
      }
    } finally {
      await connection.close();
      await nats.remove();
    }
  });

  test('are due when their interval is over since the newest checkpoint, however long it is', async () => {
    const asked = Date.now() - HOUR_MS;
    const everyMs = 60 * DAY_MS;
    await leave([{ schedule: 'rare', pid: 1, everyMs, last: newManifestId(new Date(asked)) }]);
    let fired = 0;
    const locate = async () => void fired++;
    const [rare] = (await begin({ locate })).list();
    // A timer of Node that is set to more than 24.8 days fires at once.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(fired).toBe(0);
    expect(Math.abs(Date.parse(rare!.next!) - (asked + everyMs))).toBeLessThan(60_000);
  });
});
