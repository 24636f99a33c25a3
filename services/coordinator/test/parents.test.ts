import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

let whole: TestCluster;
beforeAll(async () => {
  whole = await testCluster();
});
afterAll(() => whole?.stop());

test('the parent of a checkpoint is the newest of its task, whatever their names, or what it was started from since', async () => {
  const { client, cluster } = whole;
  const program = { program: 'idle', params: { forever: true } };
  for (const pid of [7, 8]) await client.spawn({ root: { pid, ...program } });
  const save = async (pid: number, name: string): Promise<string> => {
    const { id, done } = await client.checkpoint(pid, { name });
    await done;
    return id;
  };
  const first = await save(7, 'monday');
  const other = await save(8, 'sunday');
  const second = await save(7, 'tuesday');
  cluster.get('coordinator-1').signal('SIGKILL');
  const third = await save(7, 'monday');
  const parents = await Promise.all(
    [first, other, second, third].map(async (id) => (await client.show(id)).parent),
  );
  expect(parents).toEqual([undefined, undefined, first, second]);

  await client.kill(7);
  await until(async () => (await client.ps()).tasks.every(({ pid }) => pid !== 7));
  await client.restart(first);
  const fourth = await save(7, 'wednesday');
  const fifth = await save(7, 'thursday');
  expect((await client.show(fourth)).parent).toBe(first);
  expect((await client.show(fifth)).parent).toBe(fourth);
});
