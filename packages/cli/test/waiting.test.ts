import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalCluster } from '@ckptree/local-cluster';
import {
  Connection,
  coordinator,
  EventPublisher,
  ensureCluster,
  serve,
  takeRequests,
} from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ckptree } from './support/ckptree.js';

/** A cluster of which nothing is there but the NATS server: whatever is asked for, nobody sees to it. */
let folder: string;
let cluster: LocalCluster;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ckptree-waiting-'));
  const nobody = { workers: 0, storages: 0, coordinators: 0 };
  cluster = await LocalCluster.start({ dataFolder: folder, ...nobody });
  const connection = await Connection.open({ url: cluster.natsUrl, name: 'test' });
  await ensureCluster(connection);
  await connection.close();
});

const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a checkpoint that takes longer than its --timeout is not waited for any more', async () => {
  const { code, stderr } = await ckptree(['checkpoint', '1', '--nats', cluster.natsUrl, '--timeout', '1s'], {
    meanwhile: (child) => children.push(child),
  });
  expect(stderr).toMatch(/ETIMEDOUT.*had not ended within 1000 ms/);
  expect(code).toBe(1);
});

test('a checkpoint that is given up and cannot be cancelled is said to be still on its way', async () => {
  const connection = await Connection.open({ url: cluster.natsUrl, name: 'test' });
  try {
    const { code, stderr } = await ckptree(['checkpoint', '2', '--nats', cluster.natsUrl], {
      meanwhile: async (child) => {
        children.push(child);
        for await (const { request, ack } of takeRequests(connection)) {
          await ack();
          if (request.pid === 2) break;
        }
        // It hears that the request was accepted.
        await sleep(1_000);
        child.kill('SIGINT');
      },
    });
    expect(stderr).toMatch(/checkpoint \S+ could not be cancelled and may still be taken/);
    expect(code).toBe(130);
  } finally {
    await connection.close();
  }
});

test('a schedule that is given up before anybody has answered ends at once', async () => {
  const connection = await Connection.open({ url: cluster.natsUrl, name: 'test' });
  try {
    const { code, stderr } = await ckptree(['checkpoint', '3', '--every', '1h', '--nats', cluster.natsUrl], {
      meanwhile: (child) => {
        children.push(child);
        serve(connection, coordinator.schedule, () => {
          child.kill('SIGINT');
          return new Promise(() => undefined);
        });
      },
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'ckptree: ended by SIGINT\n' });
  } finally {
    await connection.close();
  }
});

test('whoever follows events is told of an outage, and of its end', async () => {
  const connection = await Connection.open({ url: cluster.natsUrl, name: 'test' });
  const publisher = new EventPublisher(connection);
  await publisher.publish({ type: 'worker.joined', worker: 'w1', host: 'here' }, 'w1.joined');
  await publisher.close();
  await connection.close();
  const follow = ['events', '--follow', '--from', 'beginning', '--nats', cluster.natsUrl];
  const { code, stderr } = await ckptree(follow, {
    meanwhile: (child) => {
      children.push(child);
      // It has told what there was, and waits.
      child.stdout?.once('data', () => process.kill(cluster.nats!.pid!, 'SIGKILL'));
      let told = '';
      child.stderr?.on('data', (text: string) => {
        told += text;
        if (told.includes('cluster is back')) child.kill('SIGINT');
      });
    },
  });
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr:
      'the connection to the cluster is lost; waiting until it is back\nthe connection to the cluster is back\n',
  });
});
