import { statfs } from 'node:fs/promises';
import { ensureCluster } from '@ckptree/protocol';
import { expect, test } from '@jest/globals';
import { TestNats } from './support/nats.js';

test('a cluster is made by many at once', async () => {
  for (let round = 0; round < 12; round++) {
    const nats = await TestNats.start();
    const makers = await Promise.all(Array.from({ length: 4 }, () => nats.open()));
    await Promise.all(makers.map((maker) => ensureCluster(maker)));
    const streams = await (await (await nats.raw()).jetstreamManager()).streams.list().next();
    expect(streams.map(({ config }) => config.name).sort()).toEqual([
      'CKPTREE_EVENTS',
      'CKPTREE_REQUESTS',
      ...['checkpoints', 'control', 'keys', 'trees', 'workers'].map((each) => `KV_ckptree-${each}`),
    ]);
    await nats.remove();
  }
});

test('a stream of somebody else that has the subjects of the cluster is told of', async () => {
  const nats = await TestNats.start();
  const manager = await (await nats.raw()).jetstreamManager();
  await manager.streams.add({ name: 'OTHER', subjects: ['ckptree.v1.event.>'] });
  await expect(ensureCluster(await nats.open())).rejects.toMatchObject({
    code: 'EIO',
    message: expect.stringMatching(/CKPTREE_EVENTS.*subjects overlap/),
  });
  await nats.remove();
});

test('may be done again where the disk would not have room for a second stream of events', async () => {
  const nats = await TestNats.start();
  const { bavail, bsize } = await statfs(nats.server.dataFolder);
  const connection = await nats.open();
  // A server takes three quarters of what is free for its streams.
  const options = { eventsMaxBytes: Math.floor((bavail * bsize) / 2) };
  await ensureCluster(connection, options);
  await expect(ensureCluster(connection, options)).resolves.toBeUndefined();
  await nats.remove();
});

test('records of checkpoints expire, also in a cluster that was made when they did not', async () => {
  const nats = await TestNats.start();
  const { streams } = await (await nats.raw()).jetstreamManager();
  const connection = await nats.open();
  await ensureCluster(connection);
  const name = 'KV_ckptree-checkpoints';
  const { config } = await streams.info(name);
  await streams.update(name, { ...config, max_age: 0 });
  await ensureCluster(connection);
  expect((await streams.info(name)).config.max_age).toBe(7 * 24 * 3_600 * 1e9);
  await nats.remove();
});
