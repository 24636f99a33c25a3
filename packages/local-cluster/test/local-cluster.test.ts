import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalCluster, type ServiceEvent } from '@ckptree/local-cluster';
import { expect, test } from '@jest/globals';

interface Watched {
  readonly cluster: LocalCluster;
  readonly dataFolder: string;
  /** The next event of this type; those before it are forgotten. */
  readonly next: (type: ServiceEvent['type']) => Promise<ServiceEvent>;
  readonly end: () => Promise<void>;
}

/** nats-server and a storage service, ready. */
async function watched(): Promise<Watched> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'ckptree-local-'));
  const heard: ServiceEvent[] = [];
  const cluster = await LocalCluster.start({
    dataFolder,
    workers: 0,
    coordinators: 0,
    longestDelayMs: 500,
    onEvent: (event) => heard.push(event),
  });
  const next: Watched['next'] = async (type) => {
    for (;;) {
      const at = heard.findIndex((event) => event.type === type);
      if (at >= 0) return heard.splice(0, at + 1).at(-1)!;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const end = async (): Promise<void> => {
    await cluster.stop();
    await rm(dataFolder, { recursive: true, force: true });
  };
  await next('ready');
  return { cluster, dataFolder, next, end };
}

test('whoever has NATS_URL set for another cluster gets one of its own all the same', async () => {
  const { NATS_URL: before } = process.env;
  process.env.NATS_URL = 'nats://127.0.0.1:1';
  const dataFolder = await mkdtemp(join(tmpdir(), 'ckptree-local-'));
  try {
    const cluster = await LocalCluster.start({ dataFolder, workers: 0, storages: 0, coordinators: 0 });
    expect(cluster.nats?.url).toBe(cluster.natsUrl);
    await cluster.stop();
  } finally {
    if (before === undefined) delete process.env.NATS_URL;
    else process.env.NATS_URL = before;
    await rm(dataFolder, { recursive: true, force: true });
  }
});

test('a nats-server that is killed is started again at the same address', async () => {
  const { cluster, next, end } = await watched();
  try {
    const { natsUrl, nats } = cluster;
    process.kill(nats!.pid!, 'SIGKILL');
    expect(await next('ended')).toMatchObject({ id: 'nats-server', end: 'SIGKILL' });
    expect(await next('ready')).toMatchObject({ id: 'nats-server', url: natsUrl, pid: nats!.pid });
    // And once more: it is still watched.
    process.kill(nats!.pid!, 'SIGKILL');
    await next('ended');
    await next('ready');
    expect(cluster.get('storage-1').isRunning).toBe(true);
  } finally {
    await end();
  }
});

/** One that cannot be started again now is by and by, and whoever started the cluster hears of it. */
test('a service whose process cannot be made is tried again until it can', async () => {
  const { cluster, dataFolder, next, end } = await watched();
  try {
    // Its log cannot be opened.
    await rename(join(dataFolder, 'log'), join(dataFolder, 'old-log'));
    cluster.get('storage-1').signal('SIGKILL');
    await next('ended');
    expect(await next('failed')).toMatchObject({ id: 'storage-1', error: { code: 'ENOENT' } });
    await next('failed');
    await mkdir(join(dataFolder, 'log'));
    await next('ready');
  } finally {
    await end();
  }
});
