import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { checkListed, endOf, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { runningTree, untilAllGoOn, untilWhole } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';
import type { Wire } from './support/wire.js';

let cluster: TestCluster;
let wire: Wire;
beforeAll(async () => {
  cluster = await testCluster({ workers: 3 });
  wire = await cluster.tap();
});
afterAll(() => cluster?.stop());

let bases = 0;
const freshPid = (): number => 1_000 + 100 * bases++;

const untilGone = (tree: string): Promise<void> =>
  until(async () => (await cluster.client.ps({ tree })).tasks.every(({ state }) => state === 'zombie'));

describe('checkpoints at the same time', () => {
  test('of overlapping trees are both right, or one is told that it must wait', async () => {
    const { client } = cluster;
    const pid = freshPid();
    const { tree } = await runningTree(client, pid);
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all([client.checkpoint(pid), client.checkpoint(pid + 1)]);
      const ends = await Promise.all(both.map(endOf));
      for (const [index, end] of ends.entries()) {
        if (end.type === 'failed') expect(end).toMatchObject({ code: 'EBUSY' });
        expect(endsIn(await eventsOf(client, both[index]!.id))).toEqual([end.type]);
        await checkListed(client, both[index]!.id, end.type === 'completed');
      }
      expect(ends.map(({ type }) => type)).toContain('completed');
    }
    await untilAllGoOn(client, tree);
    await client.kill(pid);
  });

  test('with the same key are one', async () => {
    const { client } = cluster;
    const pid = freshPid();
    await runningTree(client, pid);
    const key = `once-${pid}`;
    const [one, other] = await Promise.all([
      client.checkpoint(pid, { key }),
      client.checkpoint(pid, { key }),
    ]);
    expect(one.id).toBe(other.id);
    await Promise.all([one.done, other.done]);
    const again = await client.checkpoint(pid, { key });
    expect(again.id).toBe(one.id);
    await again.done;
    const types = (await eventsOf(client, one.id)).map(({ type }) => type);
    for (const once of ['accepted', 'prepared', 'resumed', 'stored', 'completed'])
      expect(types.filter((type) => type === once)).toEqual([once]);
    await client.kill(pid);
  });
});

describe('a checkpoint', () => {
  test('of a tree that is killed at the same time ends, and nothing of the tree stays', async () => {
    const { client } = cluster;
    for (let round = 0; round < 3; round++) {
      const pid = freshPid();
      const { tree } = await runningTree(client, pid);
      const [checkpoint] = await Promise.all([client.checkpoint(pid), client.kill(pid)]);
      const end = await endOf(checkpoint);
      expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual([end.type]);
      await checkListed(client, checkpoint.id, end.type === 'completed');
      await untilGone(tree);
    }
  });

  test('of a tree that is being restarted is of a whole tree, or refused', async () => {
    const { client } = cluster;
    const pid = freshPid();
    const { tree } = await runningTree(client, pid);
    const first = await client.checkpoint(pid, { stop: true });
    await first.done;
    await untilGone(tree);
    const [restarted, checkpoint] = await Promise.all([client.restart(first.id), client.checkpoint(pid)]);
    const end = await endOf(checkpoint);
    expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual([end.type]);
    if (end.type === 'completed')
      expect((await client.show(checkpoint.id)).tree).toMatchObject({ rootPid: pid, tasks: 4 });
    await untilAllGoOn(client, restarted.tree);
    await client.kill(pid);
  });

  test.each(['prepare', 'resume', 'describe', 'dump', 'status', 'result', 'release'])(
    'that is cancelled at its first %s message has one end, and its tasks go on',
    async (verb) => {
      const { client } = cluster;
      const pid = freshPid();
      const { tree } = await runningTree(client, pid);
      let cancelled: Promise<string> | undefined;
      const seen = wire.next(
        ({ subject }) => subject === `ckptree.v1.worker.worker-2.${verb}`,
        ({ json }) => {
          cancelled = client.cancel((JSON.parse(json) as { checkpoint: string }).checkpoint);
        },
      );
      const checkpoint = await client.checkpoint(pid);
      await seen;
      await untilAllGoOn(client, tree);
      await cancelled;
      await endOf(checkpoint);
      const [last, ...more] = endsIn(await eventsOf(client, checkpoint.id));
      expect(more).toEqual([]);
      expect(['completed', 'cancelled']).toContain(last);
      await checkListed(client, checkpoint.id, last === 'completed');
      await client.kill(pid);
    },
  );

  test('that is asked for while no coordinator lives is done once when one comes', async () => {
    const { client } = cluster;
    const pid = freshPid();
    await runningTree(client, pid);
    await cluster.cluster.remove('coordinator-1', 'SIGKILL');
    const checkpoint = await client.checkpoint(pid);
    await cluster.cluster.add('coordinator', 'coordinator-1');
    await checkpoint.done;
    const types = (await eventsOf(client, checkpoint.id)).map(({ type }) => type);
    expect(types.filter((type) => type === 'accepted')).toHaveLength(1);
    expect(types.filter((type) => type === 'completed')).toHaveLength(1);
    await checkListed(client, checkpoint.id, true);
    await untilWhole(cluster);
    await client.kill(pid);
  });
});
