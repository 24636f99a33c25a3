import { join } from 'node:path';
import { connect } from '@ckptree/client';
import { testServer } from '@ckptree/nats-server/testing';
import { Connection, ensureCluster } from '@ckptree/protocol';
import { expect, test } from '@jest/globals';
import { ScriptedCoordinator } from './support/scripted-coordinator.js';

const ROLES = ['client', 'worker', 'storage', 'coordinator'] as const;
const passwordOf = (role: string): string => `pw${role}`;

test('the SDK does all of its work as the role `client`, and a coordinator all of its as that', async () => {
  const include = join(import.meta.dirname, '../../../infra/nats/permissions.conf');
  const env = Object.fromEntries(
    ROLES.map((role) => [`CKPTREE_NATS_${role.toUpperCase()}_PASSWORD`, passwordOf(role)]),
  );
  const { url, remove } = await testServer({ include, env });
  const refused: string[] = [];
  const onError = ({ message }: Error): void => void refused.push(message);
  const as = (user: string) => ({ url, user, password: passwordOf(user), onError });
  const connection = await Connection.open({
    ...as('coordinator'),
    name: 'c',
    inboxPrefix: '_INBOX_coordinator',
  });
  await ensureCluster(connection);
  await ensureCluster(connection, { eventsMaxAgeMs: 3_600_000 });
  const coordinator = new ScriptedCoordinator(connection, { workers: async () => ({ workers: [] }) }, () => [
    { type: 'accepted' },
    { type: 'completed', figures: {} },
  ]);
  const client = await connect(as('client'));
  await expect(client.workers()).resolves.toEqual([]);
  const handles = [await client.checkpoint(1, { key: 'k' }), await client.checkpoint(1, { key: 'k' })];
  await Promise.all(handles.map(({ done }) => done));
  const types: string[] = [];
  for await (const { type } of client.events({ from: 'beginning', follow: false })) types.push(type);
  expect(types).toEqual(['accepted', 'completed']);
  expect(refused).toEqual([]);
  await client.close();
  await coordinator.stop();
  await connection.close();
  await remove();
});
