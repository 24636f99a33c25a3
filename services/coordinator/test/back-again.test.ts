import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

/** Of a tree of two tasks: the root is on the first worker, its child on the one that stands still. */
const [ROOT, CHILD] = [1_000, 1_001];
const PLACEMENT = { [ROOT]: 'worker-1', [CHILD]: 'worker-2' };

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 2 });
});
afterAll(() => cluster?.stop());
afterEach(async () => {
  cluster.cluster.get('worker-2').signal('SIGCONT');
  await until(async () => (await cluster.client.workers()).length === 2);
  await cluster.client.kill(ROOT).catch(() => undefined);
});

const tree = (childTicks?: number) => ({
  root: {
    pid: ROOT,
    program: 'idle',
    params: { forever: true, memoryMiB: 1 },
    children: [
      {
        pid: CHILD,
        program: 'idle',
        params: { memoryMiB: 1, ...(childTicks === undefined ? { forever: true } : { ticks: childTicks }) },
      },
    ],
  },
});

/** The worker that hosts the child is silent for so long that it is taken for lost. @param lost while it stands still */
async function silence(tree: string, lost: () => Promise<void> = async () => undefined): Promise<void> {
  const worker = cluster.cluster.get('worker-2');
  worker.signal('SIGSTOP');
  await until(async () => (await cluster.client.ends(tree)).lost.includes('worker-2'));
  await lost();
  worker.signal('SIGCONT');
  await until(async () => (await cluster.client.workers()).length === 2);
}

/** What every worker has, known or not. */
const pids = async (): Promise<number[]> => (await cluster.client.ps()).tasks.map(({ pid }) => pid);

test('a worker that was taken for lost and is back gives up its part, and the rest of the tree runs on', async () => {
  const { client } = cluster;
  const started = await client.spawn(tree(), { placement: PLACEMENT });
  await silence(started.tree);
  await until(async () => (await pids()).join() === `${ROOT}`);
  expect(await client.ends(started.tree)).toMatchObject({ running: 1, lost: ['worker-2'] });
});

test('the tree that was restarted meanwhile runs once: what is back of the one before is gone', async () => {
  const { client } = cluster;
  const started = await client.spawn(tree(), { placement: PLACEMENT });
  const saved = await client.checkpoint(ROOT);
  await saved.done;
  let restarted = '';
  await silence(started.tree, async () => {
    await client.kill(ROOT);
    await until(async () => (await pids()).length === 0);
    restarted = (await client.restart(saved.id)).tree;
  });
  await until(async () => (await pids()).length === 2);
  expect(new Set((await client.ps()).tasks.map((task) => task.tree))).toEqual(new Set([restarted]));
});

test('pids of tasks that had ended there are free again when the tree has ended', async () => {
  const { client } = cluster;
  const started = await client.spawn(tree(10), { placement: PLACEMENT });
  await until(async () =>
    (await client.ps()).tasks.some(({ pid, state }) => pid === CHILD && state === 'zombie'),
  );
  await silence(started.tree, async () => void (await client.kill(ROOT)));
  await until(async () => (await pids()).length === 0);
  const again = await client.spawn(tree(), { placement: PLACEMENT });
  expect(again.tasks).toBe(2);
});
