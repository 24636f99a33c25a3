import { afterEach, expect, test } from '@jest/globals';
import { checkListed, endOf, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

const PID = 10;

let cluster: TestCluster;
afterEach(async () => {
  cluster?.cluster.get('storage-1').signal('SIGCONT');
  await cluster?.stop();
});

test.each(['volume', 'nats'] as const)(
  'a checkpoint completes while one of two storage services stands still, with packs by %s',
  async (carrier) => {
    cluster = await testCluster({ carrier, storages: 2 });
    const { client } = cluster;
    const params = { memoryMiB: 4, writesPerTick: 1, forever: true };
    await client.spawn({ root: { pid: PID, program: 'idle', params } });
    await until(async () => (await client.ps()).tasks.some(({ ticks }) => ticks > 1_024));
    cluster.cluster.get('storage-1').signal('SIGSTOP');
    const checkpoint = await client.checkpoint(PID);
    expect(await endOf(checkpoint)).toEqual({ type: 'completed' });
    cluster.cluster.get('storage-1').signal('SIGCONT');
    expect(endsIn(await eventsOf(client, checkpoint.id))).toEqual(['completed']);
    await checkListed(client, checkpoint.id, true);
  },
);
