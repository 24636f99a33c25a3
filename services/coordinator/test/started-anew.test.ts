import type { Client } from '@ckptree/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { endOf } from './support/checkpoint-ends.js';
import { runningTree } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3 });
});
afterAll(() => cluster?.stop());

/** Trees of which a part was lost with a worker, as the events tell. */
async function lostWith(client: Client, worker: string): Promise<string[]> {
  const trees: string[] = [];
  const filter = { types: ['worker.lost'], worker } as const;
  for await (const event of client.events({ from: 'beginning', follow: false, filter }))
    if (event.type === 'worker.lost') trees.push(...(event.trees ?? []));
  return trees;
}

test.each([
  ['while a coordinator leads', 1_000, 'worker-2', []],
  ['together with the only coordinator', 1_100, 'worker-3', ['coordinator-1']],
])(
  'a worker that is killed %s, and is back before anybody misses it, has lost what it hosted',
  async (_, root, worker, others) => {
    const { client, cluster: services } = cluster;
    const { tree } = await runningTree(client, root);
    await Promise.all([worker, ...others].map((id) => services.get(id).kill('SIGKILL')));
    await until(async () => (await lostWith(client, worker)).includes(tree));
    expect(await endOf(await client.checkpoint(root))).toMatchObject({
      type: 'failed',
      reason: expect.stringContaining(`${worker}, which hosts a part of tree ${tree}, is gone`),
    });
    await client.kill(root);
    await until(async () => (await client.ends(tree)).running === 0);
    expect(await client.ends(tree)).toMatchObject({ lost: [worker] });
  },
);
