import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalCluster, type ServiceEvent } from '@ckptree/local-cluster';
import { expect, test } from '@jest/globals';

/** One that cannot be started again now is by and by, and whoever started the cluster hears of it. */
test('a service whose process cannot be made is tried again until it can', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'ckptree-local-'));
  const heard: ServiceEvent[] = [];
  const cluster = await LocalCluster.start({
    dataFolder,
    workers: 0,
    coordinators: 0,
    longestDelayMs: 500,
    onEvent: (event) => heard.push(event),
  });
  const next = async (type: ServiceEvent['type']): Promise<ServiceEvent> => {
    for (;;) {
      const at = heard.findIndex((event) => event.type === type);
      if (at >= 0) return heard.splice(0, at + 1).at(-1)!;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    await next('ready');
    // Its log cannot be opened.
    await rename(join(dataFolder, 'log'), join(dataFolder, 'old-log'));
    cluster.get('storage-1').signal('SIGKILL');
    await next('ended');
    expect(await next('failed')).toMatchObject({ id: 'storage-1', error: { code: 'ENOENT' } });
    await next('failed');
    await mkdir(join(dataFolder, 'log'));
    await next('ready');
  } finally {
    await cluster.stop();
    await rm(dataFolder, { recursive: true, force: true });
  }
});
