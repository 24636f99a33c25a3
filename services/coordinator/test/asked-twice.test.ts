import { Connection, request, worker } from '@ckptree/protocol';
import { expect, test } from '@jest/globals';
import { testCluster } from './support/test-cluster.js';

test('a worker that is told to resume twice, as its answer was lost, says the same and counts one downtime', async () => {
  const { client, cluster, stop } = await testCluster();
  const connection = await Connection.open({ url: cluster.natsUrl, name: 'test' });
  try {
    const { tree, rootPid } = await client.spawn({ root: { program: 'idle', params: { forever: true } } });
    const asked = worker('worker-1');
    const which = { checkpoint: '20261123t153926123-7f3a9c2e' };
    await request(connection, asked.prepare, {
      ...which,
      tree,
      pid: rootPid,
      roots: [rootPid],
      leaseMs: 10_000,
    });
    const first = await request(connection, asked.resume, which);
    expect(await request(connection, asked.resume, which)).toEqual(first);
    await request(connection, asked.release, which);
    const { url } = await cluster.get('worker-1').ready;
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(/^ckptree_worker_stood_still_seconds_count(\{.*\})? 1$/m);
  } finally {
    await connection.close();
    await stop();
  }
});
