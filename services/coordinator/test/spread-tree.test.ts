import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from '@ckptree/client';
import { Kernel, parseSpec, type TaskExit } from '@ckptree/kernel';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkListed } from './support/checkpoint-ends.js';
import { FAST_WORKER, type TestCluster, testCluster, until } from './support/test-cluster.js';

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'examples');

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3, storages: 2, args: { worker: FAST_WORKER } });
});
afterAll(() => cluster?.stop());

/** How each task ends when nothing disturbs it, by pid. */
async function undisturbed(spec: object): Promise<Map<number, string>> {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: 2 ** 28 });
  try {
    const ends = new Map<number, string>();
    kernel.onExit(({ pid, digest, status }: TaskExit) => ends.set(pid, `${status} ${digest}`));
    await kernel.spawn(parseSpec(spec, { baseFolder: EXAMPLES }).tree);
    await kernel.settled();
    return new Map([...ends].map(([pid, end]) => [pid, end.split(' ')[1]!]));
  } finally {
    await kernel.shutdown();
  }
}

const example = (name: string): object => {
  const { $schema: _, ...spec } = JSON.parse(readFileSync(join(EXAMPLES, `${name}.json`), 'utf8')) as {
    $schema?: string;
  };
  return spec;
};

async function endsOf(client: Client, tree: string): Promise<Map<number, string>> {
  let ends = await client.ends(tree);
  await until(async () => {
    ends = await client.ends(tree);
    return ends.running === 0;
  });
  return new Map(ends.ends.map(({ pid, digest }) => [pid, digest]));
}

/** What has ended may have left zombies, until those are told whose parents they were waiting for. */
const untilEmpty = (): Promise<void> => until(async () => (await cluster.client.ps()).tasks.length === 0);

test('trees that are started one right after the other are spread over the workers', async () => {
  const { client } = cluster;
  const hosts: string[] = [];
  const pids: number[] = [];
  for (let count = 0; count < 9; count++) {
    const { rootPid, workers } = await client.spawn({ root: { program: 'idle', params: { forever: true } } });
    hosts.push(...workers);
    pids.push(rootPid);
  }
  for (const id of ['worker-1', 'worker-2', 'worker-3'])
    expect(hosts.filter((host) => host === id).length).toBeGreaterThanOrEqual(2);
  for (const pid of pids) await client.kill(pid);
  await untilEmpty();
});

test('a checkpoint in a fork storm is as good as any', async () => {
  const { client } = cluster;
  const pid = 1_000;
  const storm = { program: 'forkstorm', params: { forks: 1_000_000, width: 8, work: 20 } };
  const root = { pid, program: 'idle', params: { forever: true }, children: [{ pid: pid + 1, ...storm }] };
  await client.spawn({ root }, { placement: { [pid]: 'worker-1', [pid + 1]: 'worker-2' } });
  for (let round = 0; round < 3; round++) {
    const checkpoint = await client.checkpoint(pid);
    await checkpoint.done;
    await checkListed(client, checkpoint.id, true);
  }
  await client.kill(pid);
  await untilEmpty();
});

test('no task is neither running nor among the ends, however soon it is asked', async () => {
  const { client } = cluster;
  const ticks = Array.from({ length: 120 }, (_, child) => 2_000 * (child + 1));
  const children = ticks.map((ticks) => ({ program: 'idle', params: { ticks } }));
  const { tree, tasks } = await client.spawn({
    root: { program: 'idle', params: { ticks: 300_000 }, children },
  });
  expect(tasks).toBe(121);
  for (let running = tasks; running > 0; ) {
    const listing = await client.ends(tree);
    running = listing.running;
    expect(listing.ends.length + running).toBeGreaterThanOrEqual(tasks);
  }
  await untilEmpty();
});

test('a signal to a task reaches what is below it, and nobody minds that a worker has nothing of that', async () => {
  const { client } = cluster;
  const [pid, child, grandchild] = [500, 501, 502];
  const idle = { program: 'idle', params: { forever: true } };
  const below = { ...idle, pid: child, children: [{ ...idle, pid: grandchild }] };
  await client.spawn(
    { root: { ...idle, pid, children: [below] } },
    { placement: { [pid]: 'worker-1', [child]: 'worker-2', [grandchild]: 'worker-3' } },
  );
  await expect(client.freeze(child)).resolves.toBe(2);
  await expect(client.thaw(child)).resolves.toBe(2);
  await expect(client.kill(grandchild)).resolves.toBe(1);
  await client.kill(pid);
  await untilEmpty();
});

test('a placement names pids of the spec, also when the tree gets others', async () => {
  const { client } = cluster;
  const idle = { program: 'idle', params: { forever: true } };
  const spec = { root: { ...idle, children: [{ ...idle, pid: 5_001 }, idle] } };
  const other = { root: { ...idle, children: [{ ...idle, children: [idle] }, idle] } };
  const first = await client.spawn(spec, { placement: { 1: 'worker-1', 5001: 'worker-2' } });
  const second = await client.spawn(other, {
    placement: { 1: 'worker-3', 2: 'worker-2', 3: 'worker-2', 4: 'worker-1' },
  });
  const { tasks } = await client.ps({ tree: second.tree });
  expect(tasks.map(({ pid, worker }) => [pid - second.rootPid, worker])).toEqual([
    [0, 'worker-3'],
    [1, 'worker-2'],
    [2, 'worker-2'],
    [3, 'worker-1'],
  ]);
  expect(second.rootPid).toBeGreaterThan(1);
  await expect(client.spawn(other, { placement: { 9: 'worker-1' } })).rejects.toMatchObject({
    code: 'EINVAL',
    message: 'the placement names task 9, which is not in the tree',
  });
  // A pid that the tree would get, and that the spec does not have.
  const got = second.rootPid + 5;
  await expect(client.spawn(other, { placement: { [got]: 'worker-1' } })).rejects.toMatchObject({
    code: 'EINVAL',
    message: `the placement names task ${got}, which is not in the tree`,
  });
  await expect(client.spawn(other, { placement: { 2: 'worker-9' } })).rejects.toMatchObject({
    code: 'EINVAL',
    message: 'the placement names worker worker-9, which is not there',
  });
  for (const pid of [first.rootPid, second.rootPid]) await client.kill(pid);
  await untilEmpty();
});

test('a tree over three workers goes on from any checkpoint, on three, two and one, to the same ends', async () => {
  const { client } = cluster;
  const spec = example('mixed');
  const expected = await undisturbed(spec);
  const spawned = await client.spawn(spec, { baseFolder: EXAMPLES });
  expect(spawned.workers.length).toBeGreaterThan(1);
  // Saved early, and left frozen: how long the saving takes is not how far the tree comes.
  const early = await client.checkpoint(spawned.rootPid, { name: 'early', leaveFrozen: true });
  await early.done;
  await client.thaw(spawned.rootPid);
  const late = await client.checkpoint(spawned.rootPid, { name: 'late', stop: true });
  await late.done;
  await untilEmpty();

  const restartAll = async (options: { readonly on?: string }, workers: number): Promise<void> => {
    for (const { id } of [early, late]) {
      const restarted = await client.restart(id, options);
      expect(restarted.workers.length).toBeLessThanOrEqual(workers);
      const ends = await endsOf(client, restarted.tree);
      expect(ends.size).toBeGreaterThan(0);
      for (const [pid, digest] of ends) expect([pid, digest]).toEqual([pid, expected.get(pid)]);
      await untilEmpty();
    }
  };
  await restartAll({}, 3);
  await restartAll({ on: 'worker-2' }, 1);
  await cluster.cluster.remove('worker-3');
  await until(async () => (await client.workers()).length === 2);
  await restartAll({}, 2);
});
