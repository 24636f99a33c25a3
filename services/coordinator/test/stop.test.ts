import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runningTree } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const ROOT = 100;
const ROUNDS = 5;

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3 });
});
afterAll(() => cluster?.stop());

const living = async (tree: string): Promise<number[]> =>
  (await cluster.client.ps({ tree })).tasks.filter(({ state }) => state !== 'zombie').map(({ pid }) => pid);

test('a tree that its checkpoint stops has ended when that is told complete: it can be restarted at once', async () => {
  const { client } = cluster;
  let { tree } = await runningTree(client, ROOT);
  for (let round = 0; round < ROUNDS; round++) {
    const checkpoint = await client.checkpoint(ROOT, { stop: true });
    await checkpoint.done;
    expect(await living(tree)).toEqual([]);
    ({ tree } = await client.restart(checkpoint.id));
  }
  await client.kill(ROOT);
});

test('a subtree that its checkpoint stops has ended on all workers, and the others go on', async () => {
  const { client } = cluster;
  const idle = { program: 'idle', params: { memoryMiB: 1, forever: true } };
  const below = {
    ...idle,
    pid: 201,
    children: [
      { ...idle, pid: 202 },
      { ...idle, pid: 203 },
    ],
  };
  const placement = { 200: 'worker-1', 201: 'worker-2', 202: 'worker-3', 203: 'worker-1' };
  const { tree } = await client.spawn({ root: { ...idle, pid: 200, children: [below] } }, { placement });
  const checkpoint = await client.checkpoint(201, { stop: true });
  await checkpoint.done;
  expect(await living(tree)).toEqual([200]);
  const ticks = async (): Promise<number> => (await client.ps({ pid: 200 })).tasks[0]!.ticks;
  const before = await ticks();
  await until(async () => (await ticks()) > before);
  await client.kill(200);
});
