import { CkptError } from '@ckptree/errors';
import type { coordinator, RequestOf, TaskRow } from '@ckptree/protocol';
import { describe, expect, test } from '@jest/globals';
import { figures, sdkOnServer, started, succeeding, until } from './support/sdk.js';

const server = sdkOnServer();

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
  test('are spawned, checkpointed, restarted', async () => {
    const restarts: RequestOf<typeof coordinator.restart.definition>[] = [];
    await server.coordinatorWith(
      {
        spawn: async () => started,
        restart: async (request) => {
          restarts.push(request);
          return started;
        },
      },
      () => succeeding,
    );
    const sdk = await server.client();
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
    await server.coordinatorWith({
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
    const sdk = await server.client();
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
    await server.coordinatorWith({
      signal: async ({ pid, signal }) => {
        asked.push([pid, signal]);
        if (pid === 9) throw new CkptError('ESRCH', 'there is no task 9', { pid: 9 });
        return { tasks: 4 };
      },
    });
    const sdk = await server.client();
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
    await server.coordinatorWith({
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
    const sdk = await server.client();
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
    await server.coordinatorWith({
      workers: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return { workers: [] };
      },
    });
    const sdk = await server.client();
    await expect(sdk.workers({ timeoutMs })).resolves.toEqual([]);
  });

  test.each([-1, Number.NaN])('cannot take %d ms', async (timeoutMs) => {
    const sdk = await server.client();
    const einval = { code: 'EINVAL', fields: { field: 'timeoutMs' } };
    await expect(sdk.workers({ timeoutMs })).rejects.toMatchObject(einval);
    await expect(sdk.follow('20261123t153926123-7f3a9c2e', { timeoutMs }).done).rejects.toMatchObject(einval);
  });

  test('waits for a coordinator to come', async () => {
    const sdk = await server.client();
    const workers = sdk.workers();
    await server.coordinatorWith({ workers: async () => ({ workers: [] }) });
    await expect(workers).resolves.toEqual([]);
  });

  test('says that none came in time, or that it was given up', async () => {
    const sdk = await server.client();
    await expect(sdk.workers({ timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'EAGAIN' });
    await expect(sdk.workers({ signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ code: 'EINTR' });
    let answer = (): void => undefined;
    const late = new Promise<{ workers: [] }>((resolve) => {
      answer = () => resolve({ workers: [] });
    });
    await server.coordinatorWith({ workers: () => late });
    await expect(sdk.workers({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    answer();
  });

  test('that a coordinator leaves to the next is sent again with its key, until its time is over', async () => {
    const keys: (string | undefined)[] = [];
    await server.coordinatorWith({
      spawn: async ({ key, name }) => {
        keys.push(key);
        if (keys.length === 1 || name === 'never') throw new CkptError('ERESTART', 'it led no longer');
        return started;
      },
    });
    const sdk = await server.client();
    await expect(sdk.spawn({})).resolves.toEqual(started);
    expect(keys).toEqual([expect.any(String), keys[0]]);
    await expect(sdk.spawn({}, { name: 'never', timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      cause: { code: 'ERESTART' },
    });
  });

  test('survives an outage of NATS', async () => {
    await server.coordinatorWith({ workers: async () => ({ workers: [] }) });
    const sdk = await server.client();
    await server.nats.server.stop();
    await until(() => !sdk.connected);
    const workers = sdk.workers();
    await server.nats.server.start();
    await expect(workers).resolves.toEqual([]);
  });
});

describe('events', () => {
  test('are read from a place, by a filter, with their sequence', async () => {
    const coordinating = await server.coordinatorWith({});
    await coordinating.publish({ type: 'worker.joined', worker: 'w7', host: 'h' }, 'w7.joined.1');
    await coordinating.publish({ type: 'worker.lost', worker: 'w7', reason: 'left' }, 'w7.lost.1');
    const sdk = await server.client();
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
      await expect((await server.client()).events({ from }).next()).rejects.toMatchObject({ code: 'EINVAL' });
    },
  );
});
