import { coordinator, type RequestOf, request } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

let started: TestCluster;
beforeAll(async () => {
  started = await testCluster({ workers: 2 });
});
afterAll(() => started?.stop());

const idle = (pid: number) => ({ pid, program: 'idle', params: { forever: true } });
const tree = (pid: number) => ({ root: { ...idle(pid), children: [idle(pid + 1), idle(pid + 2)] } });

type Page = Pick<RequestOf<typeof coordinator.ps.definition>, 'after' | 'limit'>;
const pids = (rows: readonly { readonly pid: number }[]) => rows.map(({ pid }) => pid);

test('a task that lives is listed once, whatever ends and is born between two pages', async () => {
  const { client } = started;
  const page = (body: Page) => request(client.connection, coordinator.ps, body);
  const { tree: first } = await client.spawn(tree(10));
  await client.spawn(tree(20));
  const { tasks, next } = await page({ limit: 4 });
  expect(pids(tasks)).toEqual([10, 11, 12, 20]);
  await client.kill(10);
  await until(async () => (await client.ps({ tree: first })).tasks.length === 0);
  await client.spawn({ root: idle(5) });
  const rest = await page({ after: next!, limit: 4 });
  expect(pids(rest.tasks)).toEqual([21, 22]);
  expect(rest.next).toBeUndefined();
});

test('an end is told once, whatever ends between two pages', async () => {
  const { client } = started;
  const placement = { 30: 'worker-1', 31: 'worker-1', 32: 'worker-2', 33: 'worker-2' };
  const root = { ...idle(30), children: [idle(31), idle(32), idle(33)] };
  const { tree } = await client.spawn({ root }, { placement });
  const page = (body: Page) => request(client.connection, coordinator.ends, { tree, ...body });
  for (const pid of [32, 33]) await client.kill(pid);
  await until(async () => (await page({})).ends.length === 2);
  const { ends, next } = await page({ limit: 1 });
  await client.kill(31);
  await until(async () => (await page({})).ends.length === 3);
  const rest = await page({ after: next!, limit: 1 });
  expect(pids([...ends, ...rest.ends])).toEqual([32, 33]);
});
