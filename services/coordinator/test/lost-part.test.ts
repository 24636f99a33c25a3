import type { Client } from '@ckptree/client';
import type { ClusterEvent } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endOf } from './support/checkpoint-ends.js';
import { runningTree } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';
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

test('whose tasks were lost is told with the ends of the others, also when it is lost after the last end', async () => {
  const { client } = cluster;
  const idle = (pid: number, more: object) => ({ pid, program: 'idle', params: { forever: true }, ...more });
  const ofTwo = (root: number) => {
    const spec = { root: idle(root, { children: [idle(root + 1, {})] }) };
    return client.spawn(spec, { placement: { [root]: 'worker-1', [root + 1]: 'worker-3' } });
  };
  const [broken, whole] = [await ofTwo(2_000), await ofTwo(3_000)];
  await client.kill(3_000);
  await until(async () => (await client.ps({ tree: whole.tree })).tasks.length === 0);
  expect(await client.ends(whole.tree)).toMatchObject({ ends: [{ pid: 3_000 }, { pid: 3_001 }], lost: [] });

  await cluster.cluster.remove('worker-3', 'SIGKILL');
  await until(async () => (await client.workers()).every(({ worker }) => worker !== 'worker-3'));
  expect((await lossesOf(client)).find(({ worker }) => worker === 'worker-3')?.trees).toContain(broken.tree);
  await client.kill(2_000);
  for (const [tree, pid] of [[broken.tree, 2_000] as const, [whole.tree, 3_000] as const]) {
    let told = await client.ends(tree);
    await until(async () => {
      told = await client.ends(tree);
      return told.running === 0 && told.missing.length === 0;
    });
    expect(told).toMatchObject({ ends: [{ pid }], lost: ['worker-3'] });
  }
});

async function lossesOf(client: Client): Promise<Extract<ClusterEvent, { type: 'worker.lost' }>[]> {
  const losses: Extract<ClusterEvent, { type: 'worker.lost' }>[] = [];
  const filter = { types: ['worker.lost'] } as const;
  for await (const event of client.events({ from: 'beginning', follow: false, filter }))
    if (event.type === 'worker.lost') losses.push(event);
  return losses;
}
