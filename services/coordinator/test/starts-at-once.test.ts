import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster } from './support/test-cluster.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3 });
});
afterAll(() => cluster?.stop());

const SPEC = { root: { program: 'idle', params: { forever: true } } };

test('trees that are started at once have different pids, on whichever workers they are', async () => {
  const { client } = cluster;
  const started = await Promise.all(Array.from({ length: 6 }, () => client.spawn(SPEC)));
  expect(new Set(started.map(({ rootPid }) => rootPid)).size).toBe(6);
  const pids = (await client.ps()).tasks.map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(pids.length);
});

test('of restarts of one checkpoint that are asked for at once, one is done', async () => {
  const { client } = cluster;
  const { rootPid } = await client.spawn(SPEC);
  const checkpoint = await client.checkpoint(rootPid, { stop: true });
  await checkpoint.done;
  const restarts = await Promise.allSettled(
    [1, 2, 3].map((n) => client.restart(checkpoint.id, { on: `worker-${n}` })),
  );
  expect(restarts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const restart of restarts)
    if (restart.status === 'rejected')
      expect(restart.reason).toMatchObject({ code: 'EEXIST', fields: { pid: rootPid } });
});
