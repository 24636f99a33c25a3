import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { checkListed, endOf, endsIn, eventsOf } from './support/checkpoint-ends.js';
import { type TestCluster, testCluster } from './support/test-cluster.js';

const FAULT = fileURLToPath(new URL('support/failing-sync.mjs', import.meta.url));
const PID = 10;

let folder: string;
let cluster: TestCluster;
let switchFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ckptree-fault-'));
  switchFile = join(folder, 'fails');
  const { NATS_URL: _, ...own } = process.env;
  const env = {
    ...own,
    NODE_OPTIONS: `--import ${FAULT}`,
    FAILING_SYNC: switchFile,
    FAILING_SYNC_ONCE: 'yes',
  };
  cluster = await testCluster({ env });
  await cluster.client.spawn({ root: { pid: PID, program: 'idle', params: { forever: true } } });
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a checkpoint whose name could not be made durable has failed, and is not listed; the next one is', async () => {
  const { client } = cluster;
  await writeFile(switchFile, '');
  const failed = await client.checkpoint(PID);
  expect(await endOf(failed)).toMatchObject({ type: 'failed', code: 'EIO' });
  expect(endsIn(await eventsOf(client, failed.id))).toEqual(['failed']);
  await checkListed(client, failed.id, false);

  const next = await client.checkpoint(PID);
  expect(await endOf(next)).toEqual({ type: 'completed' });
  await checkListed(client, next.id, true);
});
