import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endOf } from './support/checkpoint-ends.js';
import { runningTree } from './support/running-tree.js';
import { type TestCluster, testCluster } from './support/test-cluster.js';
import type { Wire } from './support/wire.js';

let cluster: TestCluster;
let wire: Wire;
beforeAll(async () => {
  cluster = await testCluster({
    workers: 3,
    restart: false,
    // Much longer than this test may take.
    args: { coordinator: ['--describe-timeout', '10m'] },
  });
  wire = await cluster.tap();
});
afterAll(() => cluster?.stop());

test('a checkpoint does not wait for the answer of a worker that was lost behind the question: it fails with its name', async () => {
  const { client } = cluster;
  const root = 1_000;
  await runningTree(client, root);
  const victim = cluster.cluster.get('worker-2').pid;
  const killed = wire.next(
    ({ subject }) => subject === 'ckptree.v1.worker.worker-2.describe',
    () => process.kill(victim, 'SIGKILL'),
  );
  const checkpoint = await client.checkpoint(root);
  await killed;
  expect(await endOf(checkpoint)).toMatchObject({
    type: 'failed',
    reason: expect.stringContaining('worker-2'),
  });
});
