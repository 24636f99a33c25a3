import { setTimeout as sleep } from 'node:timers/promises';
import { type TestServer, testServer } from '@ckptree/nats-server/testing';
import { Connection, ensureCluster, recordsOf } from '@ckptree/protocol';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Leadership } from '../dist/cluster/leadership.js';
import { until } from './support/test-cluster.js';

/** Longer than a leader goes on without a word, and looks for what there is. */
const OUTAGE_MS = 5_000;

let nats: TestServer;
let connection: Connection;
beforeEach(async () => {
  nats = await testServer();
  connection = await Connection.open({ url: nats.url, name: 'test' });
});
afterEach(async () => {
  await connection.close();
  await nats.remove();
});

test('whoever led waits for the end of an outage, asks for nothing meanwhile, and leads again', async () => {
  const asked: string[] = [];
  const terms: number[] = [];
  const leadership = new Leadership({
    connection,
    leader: recordsOf(connection).leader,
    setUp: async () => {
      asked.push(connection.connected ? 'connected' : 'away');
      await ensureCluster(connection);
    },
    instance: 'coordinator-1',
    lead: ({ number, signal }) => {
      terms.push(number);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    onTerm: () => undefined,
    onError: () => undefined,
  });
  await until(() => terms.length === 1);
  await nats.server.stop();
  await sleep(OUTAGE_MS);
  await nats.server.start();
  await until(() => terms.length === 2);
  expect(asked).not.toContain('away');
  await leadership.end();
});

test('whoever is to end need not wait for the end of an outage', async () => {
  const leadership = new Leadership({
    connection,
    leader: recordsOf(connection).leader,
    setUp: () => ensureCluster(connection),
    instance: 'coordinator-1',
    lead: async () => undefined,
    onTerm: () => undefined,
    onError: () => undefined,
  });
  await nats.server.stop();
  await until(() => !connection.connected);
  await leadership.end();
});
