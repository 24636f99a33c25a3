import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster } from './support/test-cluster.js';

let whole: TestCluster;
beforeAll(async () => {
  whole = await testCluster();
});
afterAll(() => whole?.stop());

const IDLE = { root: { pid: 7, program: 'idle', params: { forever: true } } };

/**
 * Ends the coordinator in order when it asks the worker for something. The worker stands still until the coordinator gives up, so
 * that it is not done before.
 */
async function endWhenItAsks(verb: string): Promise<void> {
  const { cluster } = whole;
  const wire = await whole.tap();
  const [coordinator, worker] = [cluster.get('coordinator-1'), cluster.get('worker-1')];
  const heard = (last: string, act: () => void) =>
    wire.next(({ subject }) => subject.endsWith(`.worker.worker-1.${last}`), act);
  await heard(verb, () => {
    worker.signal('SIGSTOP');
    coordinator.signal('SIGTERM');
  });
  // Unless the worker was quicker than the signal: then the start is done, once, and there is nothing to give up.
  await Promise.race([heard('abandon', () => undefined), coordinator.ended]);
  // Who taps the wire takes a request that nobody else takes.
  await wire.close();
  worker.signal('SIGCONT');
  expect(await coordinator.ended).toBe(0);
}

test('a start that its coordinator cuts short when it ends in order is made by the next, and once', async () => {
  const { client } = whole;
  const [spawned] = await Promise.all([client.spawn(IDLE), endWhenItAsks('spawn')]);
  expect((await client.ps()).tasks).toMatchObject([{ pid: 7, tree: spawned.tree }]);

  const checkpoint = await client.checkpoint(7, { stop: true });
  await checkpoint.done;
  const [restarted] = await Promise.all([client.restart(checkpoint.id), endWhenItAsks('restore')]);
  expect((await client.ps()).tasks).toMatchObject([{ pid: 7, tree: restarted.tree }]);
}, 120_000);

test('a worker that ends in order lets a checkpoint come to its end first', async () => {
  const { client, cluster } = whole;
  const params = { memoryMiB: 16, ticks: 100_000_000 };
  const { tree, rootPid } = await client.spawn({ root: { program: 'idle', params } });
  while (!(await client.ps({ tree })).tasks.every(({ ticks }) => ticks > 16 * 128)) await sleep(50);
  const worker = cluster.get('worker-1');
  const wire = await whole.tap();
  const dumping = wire.next(
    ({ subject }) => subject.endsWith('.worker.worker-1.dump'),
    () => worker.signal('SIGTERM'),
  );
  const checkpoint = await client.checkpoint(rootPid);
  await dumping;
  await wire.close();
  await expect(checkpoint.done).resolves.toMatchObject({ id: checkpoint.id });
  expect(await worker.ended).toBe(0);
}, 120_000);
