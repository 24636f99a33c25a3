import { type Connection, ensureCluster, recordsOf } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exampleWorkerRecord } from './support/examples.js';
import { TestNats, until } from './support/nats.js';

let nats: TestNats;
beforeAll(async () => {
  nats = await TestNats.start();
});
afterEach(async () => {
  await nats.server.start();
  await nats.closeConnections();
});
afterAll(() => nats.remove());

const leader = (term: number, instance = 'c1') => ({
  version: 1 as const,
  instance,
  term,
  at: '2026-11-23T15:39:26.123Z',
});

let keys = 0;
const newKey = (): string => `key-${++keys}`;
const leaders = (connection: Connection) => recordsOf(connection).leader;

describe('a record', () => {
  test('is created once, read, changed by compare-and-set, deleted, and created again', async () => {
    const bucket = leaders(await nats.cluster());
    const key = newKey();
    await expect(bucket.get(key)).resolves.toBeUndefined();
    const first = await bucket.create(key, leader(1));
    await expect(bucket.create(key, leader(9))).resolves.toBeUndefined();
    await expect(bucket.get(key)).resolves.toEqual({ key, value: leader(1), revision: first });
    const second = await bucket.update(key, leader(2), first!);
    await expect(bucket.update(key, leader(9), first!)).resolves.toBeUndefined();
    await expect(bucket.get(key)).resolves.toEqual({ key, value: leader(2), revision: second });
    await expect(bucket.delete(key, first)).resolves.toBe(false);
    await expect(bucket.delete(key, second)).resolves.toBe(true);
    await expect(bucket.get(key)).resolves.toBeUndefined();
    await expect(bucket.create(key, leader(3))).resolves.toEqual(expect.any(Number));
    await expect(bucket.put(key, leader(4))).resolves.toEqual(expect.any(Number));
  });

  test('has one winner among many who set it at once', async () => {
    const connections = await Promise.all([nats.cluster(), nats.open(), nats.open(), nats.open()]);
    const key = newKey();
    const created = await Promise.all(
      connections.map((each, index) => leaders(each).create(key, leader(index))),
    );
    const [revision, ...others] = created.filter((each) => each !== undefined);
    expect(others).toEqual([]);
    const updated = await Promise.all(
      connections.map((each, index) => leaders(each).update(key, leader(10 + index), revision!)),
    );
    expect(updated.filter((each) => each !== undefined)).toHaveLength(1);
  });

  test('is set once, though the server crashes under it', async () => {
    const connection = await nats.cluster();
    const bucket = leaders(connection);
    const key = newKey();
    const revision = await bucket.create(key, leader(1));
    const update = bucket.update(key, leader(2), revision!);
    await nats.server.kill();
    await until(() => !connection.connected);
    await nats.server.start();
    await expect(update).resolves.toEqual(expect.any(Number));
    await expect(bucket.get(key)).resolves.toMatchObject({ value: leader(2) });
  });

  test('is not written any more, when an outage is over, by whoever may not by then', async () => {
    const connection = await nats.cluster();
    const term = new AbortController();
    const key = newKey();
    await leaders(connection).put(key, leader(1));
    await nats.server.kill();
    await until(() => !connection.connected);
    const late = recordsOf(connection, term.signal).leader.put(key, leader(9));
    term.abort();
    await nats.server.start();
    await expect(late).rejects.toMatchObject({ code: 'EINTR' });
    await connection.whenConnected();
    await expect(leaders(connection).get(key)).resolves.toMatchObject({ value: leader(1) });
  });

  test('that breaks its schema is neither written nor read', async () => {
    await nats.cluster();
    const { connection, seen } = await nats.observed();
    const bucket = leaders(connection);
    const key = newKey();
    await expect(bucket.put(key, leader(-1))).rejects.toMatchObject({
      code: 'EINVAL',
      fields: { field: '/term' },
    });
    const raw = await nats.raw();
    await raw.request(`$KV.ckptree-control.${key}`, '{"version":1}');
    await expect(bucket.get(key)).rejects.toMatchObject({ code: 'EBADMSG', fields: { field: '/instance' } });
    const listed = await bucket.list();
    expect(listed.map((entry) => entry.key)).not.toContain(key);
    expect(seen).toContainEqual(expect.objectContaining({ name: 'ckptree-control', outcome: 'invalid' }));
  });

  test('has a key without wildcards', async () => {
    const bucket = leaders(await nats.cluster());
    for (const key of ['', '*', 'a.>', 'a b'])
      await expect(bucket.get(key)).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('watching', () => {
  test('gives what there is, then every change, then ends at its signal', async () => {
    const connection = await nats.cluster();
    const { trees } = recordsOf(connection);
    const record = (rootPid: number) => ({
      version: 1 as const,
      tree: 't-000000000001',
      rootPid,
      state: 'running' as const,
      created: '2026-11-23T15:39:26.123Z',
      workers: [],
    });
    await trees.put('a', record(1));
    await trees.put('b', record(2));
    await trees.put('a', record(3));
    const abort = new AbortController();
    let caughtUp = 0;
    const seen: unknown[] = [];
    const watching = (async () => {
      const onCaughtUp = (): void => {
        caughtUp = seen.length;
      };
      for await (const { key, value } of trees.watch({ signal: abort.signal, onCaughtUp }))
        seen.push([key, value?.rootPid]);
    })();
    await until(() => seen.length === 2);
    await trees.delete('b');
    await trees.put('c', record(4));
    await until(() => seen.length === 4);
    abort.abort();
    await watching;
    expect(seen).toEqual([
      ['b', 2],
      ['a', 3],
      ['b', undefined],
      ['c', 4],
    ]);
    expect(caughtUp).toBeLessThanOrEqual(2);
    expect((await trees.list()).map(({ key }) => key)).toEqual(['a', 'c']);
  });

  test('goes on over a restart of the server', async () => {
    const [writer, watcher] = [await nats.cluster(), await nats.open()];
    const key = newKey();
    await leaders(writer).put(key, leader(1));
    const terms: unknown[] = [];
    const watching = (async () => {
      for await (const { value } of leaders(watcher).watch({ key })) {
        terms.push(value?.term);
        if (terms.length === 2) break;
      }
    })();
    await until(() => terms.length === 1);
    await nats.server.stop();
    await nats.server.start();
    await leaders(writer).put(key, leader(2));
    await watching;
    expect(terms).toEqual([1, 2]);
  });

  test('records of workers expire', async () => {
    const other = await TestNats.start();
    const connection = await other.open();
    await ensureCluster(connection, { workerTtlMs: 1_000 });
    const { workers } = recordsOf(connection);
    await workers.put('w1', exampleWorkerRecord);
    await expect(workers.list()).resolves.toHaveLength(1);
    const deadline = performance.now() + 30_000;
    while ((await workers.list()).length > 0 && performance.now() < deadline);
    await expect(workers.get('w1')).resolves.toBeUndefined();
    await expect(workers.create('w1', exampleWorkerRecord)).resolves.toEqual(expect.any(Number));
    await other.remove();
  });

  test('may be looked for by many while its bucket is being made, and the server lives', async () => {
    for (let round = 0; round < 5; round++) {
      const other = await TestNats.start();
      const looking = [1, 2, 3, 4].map(async () => {
        const { workers } = recordsOf(await other.open());
        while (!(await workers.isReady()));
        return workers.get('none');
      });
      const making = [1, 2].map(async () => ensureCluster(await other.open()));
      await Promise.all(making);
      expect(await Promise.all(looking)).toEqual([undefined, undefined, undefined, undefined]);
      expect(other.server.running).toBe(true);
      await other.remove();
    }
  });
});
