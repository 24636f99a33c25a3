import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@ckptree/client';
import { LocalCluster } from '@ckptree/local-cluster';
import { afterAll, expect, test } from '@jest/globals';

const dataFolder = mkdtempSync(join(tmpdir(), 'ckptree-client-'));
afterAll(() => rmSync(dataFolder, { recursive: true, force: true }));

test('README: a tree is spawned, checkpointed and restarted in a cluster of this machine', async () => {
  const args = { worker: ['--memory', '64M'] };
  const cluster = await LocalCluster.start({ dataFolder, workers: 3, storages: 2, args });
  try {
    const client = await connect({ url: cluster.natsUrl });
    const { rootPid } = await client.spawn({ root: { program: 'idle', params: { forever: true } } });
    const checkpoint = await client.checkpoint(rootPid, { name: 'nightly', stop: true });
    const steps: string[] = [];
    for await (const { type } of checkpoint) steps.push(type);
    expect(steps.filter((type) => type !== 'progress')).toEqual([
      'accepted',
      'prepared',
      'resumed',
      'stored',
      'completed',
    ]);
    await checkpoint.done;
    const restarted = await client.restart(checkpoint.id, { on: 'worker-2' });
    expect(restarted).toMatchObject({ rootPid, workers: ['worker-2'] });
    expect(await cluster.remove('worker-2', 'SIGKILL')).toBe('SIGKILL');
    await client.close();
  } finally {
    await cluster.stop();
  }
});
