import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FAST_WORKER, type TestCluster, testCluster } from './support/test-cluster.js';

const WORKER = fileURLToPath(new URL('../../worker/bin/ckptree-worker.js', import.meta.url));

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await testCluster({ workers: 1 });
});
afterAll(() => cluster?.stop());

test('a worker whose id is in use says so and ends, and the other one goes on', async () => {
  const { client } = cluster;
  const args = [WORKER, ...FAST_WORKER, '--id', 'worker-1', '--nats', cluster.cluster.natsUrl];
  const { code, told } = await new Promise<{ code: unknown; told: string }>((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) =>
      resolve({ code: error?.code, told: stdout + stderr }),
    );
  });
  expect(code).toBe(1);
  const { pid } = cluster.cluster.get('worker-1');
  expect(told).toContain(`there is a worker worker-1 already, process ${pid}`);
  expect(await client.workers()).toMatchObject([{ worker: 'worker-1', process: pid }]);
  const { tasks } = await client.spawn({ root: { program: 'idle', params: { forever: true } } });
  expect(tasks).toBe(1);
});
