import type { TaskRow } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster } from './support/test-cluster.js';

let whole: TestCluster;
beforeAll(async () => {
  whole = await testCluster({ workers: 2 });
});
afterAll(() => whole?.stop());

const IDLE = { program: 'idle', params: { memoryMiB: 1, forever: true } };

async function states(tree: string): Promise<[number, TaskRow['state']][]> {
  const { tasks } = await whole.client.ps({ tree });
  return tasks.map(({ pid, state }) => [pid, state]);
}

test('a part of a tree that its checkpoint leaves frozen stands still on all workers, and the others go on', async () => {
  const { client } = whole;
  const below = { ...IDLE, pid: 301, children: [{ ...IDLE, pid: 302 }] };
  const root = { ...IDLE, pid: 300, children: [below, { ...IDLE, pid: 303 }] };
  const placement = { 300: 'worker-1', 301: 'worker-1', 302: 'worker-2', 303: 'worker-2' };
  const { tree } = await client.spawn({ root }, { placement });
  await (await client.checkpoint(301, { leaveFrozen: true })).done;
  expect(await states(tree)).toEqual([
    [300, 'running'],
    [301, 'frozen'],
    [302, 'frozen'],
    [303, 'running'],
  ]);
  await client.kill(300);
});

test('a tree whose checkpoint was to leave it frozen, and failed, goes on', async () => {
  const { client } = whole;
  const special = { pid: 400, program: 'special', params: { flags: ['SHARED'], ticks: 1_000_000_000 } };
  const root = { ...special, children: [{ ...IDLE, pid: 401 }] };
  const { tree } = await client.spawn({ root }, { placement: { 400: 'worker-1', 401: 'worker-2' } });
  const checkpoint = await client.checkpoint(400, { leaveFrozen: true });
  await expect(checkpoint.done).rejects.toMatchObject({ code: 'ENOSYS' });
  expect(await states(tree)).toEqual([
    [400, 'running'],
    [401, 'running'],
  ]);
  await client.kill(400);
});
