import { CkptError } from '@ckptree/errors';
import { recordsOf, type Schedule } from '@ckptree/protocol';
import { newManifestId } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Schedules, type SchedulesParts } from '../dist/schedules.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

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
      connection: bare.connection,
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
