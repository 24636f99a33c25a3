import { hostname } from 'node:os';
import type { Kernel } from '@ckptree/kernel';
import { Connection, recordsOf, type WorkerRecord } from '@ckptree/protocol';
import { hostOwners } from '@ckptree/store';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { claimId } from '../../worker/dist/claim-id.js';
import { Registration } from '../../worker/dist/registration.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { heartbeat } from './support/heartbeat.js';
import { until } from './support/test-cluster.js';

const NEVER = new AbortController().signal;
/** More than any process of Linux has. */
const NOBODY = 2 ** 22 + 1;
const ELSEWHERE = '0123456789ab';

let bare: BareCluster;
beforeAll(async () => {
  bare = await bareCluster();
});
afterAll(() => bare?.stop());

type Workers = Parameters<typeof claimId>[0];

/** Buckets of several workers, none of which writes before all have seen what there is. */
async function together(count: number) {
  const connections = await Promise.all(
    Array.from({ length: count }, () => Connection.open({ url: bare.url, name: 'worker' })),
  );
  let seen = 0;
  const buckets = connections.map((connection): Workers => {
    const { workers } = recordsOf(connection);
    return {
      get: async (id) => {
        const entry = await workers.get(id);
        seen++;
        await until(() => seen >= count);
        return entry;
      },
      create: (...args) => workers.create(...args),
      update: (...args) => workers.update(...args),
    };
  });
  return { buckets, close: () => Promise.all(connections.map((connection) => connection.close())) };
}

/** The token of a process, as that of this one but for what is said. */
function tokenOf({ host, pid }: { readonly host?: string; readonly pid: number }): string {
  const [own, , start] = hostOwners().self.split('.');
  return [host ?? own, pid, start].join('.');
}

const put = (record: WorkerRecord) => recordsOf(bare.connection).workers.put(record.worker, record);
const get = async (worker: string) => (await recordsOf(bare.connection).workers.get(worker))?.value;

describe('of several workers that claim one id at the same instant', () => {
  test.each([
    ['a new one', undefined],
    ['that of one that has died', { ...heartbeat('dead'), token: tokenOf({ pid: NOBODY }) }],
  ] as const)('one gets it: %s', async (_, before) => {
    const id = before?.worker ?? 'new';
    if (before !== undefined) await put(before);
    const { buckets, close } = await together(5);
    const started = performance.now();
    const claims = await Promise.allSettled(
      buckets.map((bucket, index) => claimId(bucket, { ...heartbeat(id), process: index + 1 }, NEVER)),
    );
    expect(claims.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const claim of claims)
      if (claim.status === 'rejected') expect(claim.reason).toMatchObject({ code: 'EEXIST' });
    const winner = claims.findIndex(({ status }) => status === 'fulfilled');
    expect((await get(id))?.process).toBe(winner + 1);
    // What one that is known to have died left behind need not be watched.
    expect(performance.now() - started).toBeLessThan(5_000);
    await close();
  });
});

test.each([
  ['in a container of the same name', { token: tokenOf({ host: ELSEWHERE, pid: NOBODY }) }],
  [
    'in a container of the same name, with the same pid',
    { token: tokenOf({ host: ELSEWHERE, pid: process.pid }) },
  ],
  ['that does not say which process it is', {}],
])('a worker that lives keeps its id: one %s', async (_, token) => {
  const { workers } = recordsOf(bare.connection);
  const living = { ...heartbeat('living'), host: hostname(), process: NOBODY, ...token };
  await put(living);
  const beats = setInterval(() => void put(living), 500);
  try {
    const claim = claimId(workers, { ...heartbeat('living'), host: hostname() }, NEVER);
    await expect(claim).rejects.toMatchObject({ code: 'EEXIST' });
  } finally {
    clearInterval(beats);
  }
});

describe('a registration', () => {
  const kernel = { tasks: 0, memory: { stats: () => ({ used: 0, total: 0 }) } } as Kernel;
  const begin = (worker: string, onTaken: (error: unknown) => void, onError = onTaken) => {
    const { workers } = recordsOf(bare.connection);
    const parts = { kernel, workers, dumps: () => 0, onError, onTaken };
    const { capacity, software } = heartbeat(worker);
    return Registration.begin(parts, { worker, software, heartbeatMs: 50, capacity }, NEVER);
  };

  test('whose id another worker took meanwhile is told so, and leaves the other alone', async () => {
    let told: unknown;
    const registration = await begin('taken', (error) => (told = error));
    const other = heartbeat('taken', 9);
    await put(other);
    await until(() => told !== undefined);
    expect(told).toMatchObject({ code: 'EEXIST', message: expect.stringContaining('process 9 on here') });
    await registration.end();
    expect(await get('taken')).toEqual(other);
  });

  test('that has expired, or of which a heartbeat was written that it did not hear of, goes on', async () => {
    const errors: unknown[] = [];
    const registration = await begin('mine', (error) => errors.push(error));
    const { at } = (await get('mine'))!;
    await put((await get('mine'))!);
    await until(async () => (await get('mine'))!.at > at);
    await recordsOf(bare.connection).workers.delete('mine');
    await until(async () => (await get('mine')) !== undefined);
    await registration.end();
    expect(await get('mine')).toBeUndefined();
    expect(errors).toEqual([]);
  });
});
