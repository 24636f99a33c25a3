import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isCkptError } from '@ckptree/errors';
import { BUCKETS, type ClusterEvent, STREAMS } from '@ckptree/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'nats';
import { checkListed, endOf, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { runningTree, ticksOf, untilAllGoOn, untilReleased, untilWhole } from './support/running-tree.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const ROOT = 1_000;
const WORKERS = 3;
const IDLE = { root: { pid: ROOT, program: 'idle', params: { forever: true, memoryMiB: 2 } } };
/** How much later than the others a worker registers. */
const LATE_MS = 1_000;

let cluster: TestCluster;
let pids: number[];
beforeAll(async () => {
  cluster = await testCluster({ workers: WORKERS, coordinators: 2 });
  pids = servicePids();
});
afterAll(() => cluster?.stop());
afterEach(() => cluster.client.kill(ROOT));

const servicePids = () => cluster.cluster.ids.map((id) => cluster.cluster.get(id).pid);

/** The server comes back with nothing in it. */
async function loseAll(): Promise<void> {
  const nats = cluster.cluster.nats!;
  await nats.stop();
  await rm(join(nats.dataFolder, 'jetstream'), { recursive: true });
  await nats.start();
}

/** As soon as its workers have registered again. */
const untilKnown = (tree: string, tasks: number): Promise<void> =>
  until(() =>
    cluster.client.ps({ tree }).then(
      (listing) => listing.tasks.length === tasks,
      (error: unknown) => {
        if (isCkptError(error) && error.code === 'ESRCH') return false;
        throw error;
      },
    ),
  );

/** The cluster does all that it did before, with the tree that runs. */
async function expectHealed(tree: string, ticks: ReadonlyMap<number, number>): Promise<void> {
  const { client } = cluster;
  await untilKnown(tree, ticks.size);
  await untilWhole(cluster);
  await untilAllGoOn(client, tree);
  for (const [pid, now] of await ticksOf(client, tree)) expect(now).toBeGreaterThan(ticks.get(pid)!);
  let saved = '';
  // One of which the leader that ends hears is given up.
  await until(async () => {
    const checkpoint = await client.checkpoint(ROOT, { stop: true });
    saved = checkpoint.id;
    return (await endOf(checkpoint)).type === 'completed';
  });
  await until(async () => (await client.ends(tree)).running === 0);
  expect((await client.restart(saved)).tasks).toBe(ticks.size);
  expect(servicePids()).toEqual(pids);
}

describe('when nats-server has lost all that it kept, without anybody doing anything', () => {
  test('trees run on, and are saved, ended and restarted as before', async () => {
    const { client } = cluster;
    const { tree } = await client.spawn(IDLE, { key: 'k', name: 'mine' });
    const ticks = await ticksOf(client, tree);
    await loseAll();
    // Which name and key it was started with is not lost either.
    expect(await client.spawn(IDLE, { key: 'k', name: 'mine' })).toMatchObject({ tree });
    await expectHealed(tree, ticks);
  });

  test('nobody is served before workers had the time to register again, and a tree is not started twice', async () => {
    const { client } = cluster;
    const { tree, workers } = await client.spawn(IDLE, { key: 'late' });
    const ticks = await ticksOf(client, tree);
    const host = cluster.cluster.get(workers[0]!);
    host.signal('SIGSTOP');
    await loseAll();
    await until(async () => (await told('worker.joined')).length === WORKERS - 1);
    const again = client.spawn(IDLE, { key: 'late' });
    await Promise.race([again.catch(() => undefined), sleep(LATE_MS)]);
    host.signal('SIGCONT');
    expect(await again).toMatchObject({ tree });
    await expectHealed(tree, ticks);
  });

  test('a checkpoint that was being dumped has failed, and whoever waits for it is told', async () => {
    const { client } = cluster;
    const wire = await cluster.tap();
    const { tree } = await runningTree(client, ROOT, 8);
    const ticks = await ticksOf(client, tree);
    let losing: Promise<void> | undefined;
    const dumping = wire.next(
      ({ subject }) => subject === 'ckptree.v1.worker.worker-2.status',
      () => {
        losing = loseAll();
      },
    );
    const checkpoint = await client.checkpoint(ROOT);
    await dumping;
    await losing;
    expect(await endOf(checkpoint)).toMatchObject({
      type: 'failed',
      code: 'EIO',
      reason: expect.stringContaining('CKPTREE_EVENTS of the NATS server is lost'),
    });
    await untilReleased(client, checkpoint.id);
    await until(async () => endsIn(await eventsOf(client, checkpoint.id)).length > 0);
    expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual(['failed']);
    await checkListed(client, checkpoint.id, false);
    await expectHealed(tree, ticks);
  });
});

test.each([STREAMS.events, `KV_${BUCKETS.workers}`, `KV_${BUCKETS.trees}`])(
  'when somebody has deleted %s, the cluster makes it anew and goes on',
  async (stream) => {
    const { client } = cluster;
    const { tree } = await runningTree(client, ROOT);
    const ticks = await ticksOf(client, tree);
    const nats = await connect({ servers: cluster.cluster.natsUrl });
    const { streams } = await nats.jetstreamManager();
    await streams.delete(stream);
    await until(() =>
      streams.info(stream).then(
        () => true,
        () => false,
      ),
    );
    await nats.close();
    await expectHealed(tree, ticks);
  },
);

test('a worker that is lost at the same time is told, with the trees of which it hosted a part', async () => {
  const { client } = cluster;
  const { tree } = await runningTree(client, ROOT);
  const nats = cluster.cluster.nats!;
  await nats.stop();
  await cluster.cluster.remove('worker-3', 'SIGKILL');
  await loseAll();
  await until(() => isToldLost(tree));
  expect((await endOf(await client.checkpoint(ROOT))).type).toBe('failed');
  await client.kill(ROOT);
  await until(async () => (await client.ends(tree)).running === 0);
  expect(await client.ends(tree)).toMatchObject({ lost: ['worker-3'] });
});

async function isToldLost(tree: string): Promise<boolean> {
  const lost = await told('worker.lost');
  return lost.some((event) => event.type === 'worker.lost' && event.trees?.includes(tree) === true);
}

/** All events of a type; none while the stream is not made anew yet. */
async function told(type: ClusterEvent['type']): Promise<ClusterEvent[]> {
  const events: ClusterEvent[] = [];
  try {
    const filter = { types: [type] };
    for await (const event of cluster.client.events({ from: 'beginning', follow: false, filter }))
      events.push(event);
  } catch (error) {
    if (!isCkptError(error) || !['ENOENT', 'EIO'].includes(error.code)) throw error;
  }
  return events;
}
