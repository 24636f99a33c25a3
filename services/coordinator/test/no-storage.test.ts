import { StoreAccess } from '@ckptree/carrier';
import { CONTROL_KEYS, recordsOf } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster, until } from './support/test-cluster.js';

let whole: TestCluster;
beforeAll(async () => {
  whole = await testCluster({ storages: 0, carrier: 'nats' });
});
afterAll(() => whole?.stop());

test('a leader that waits for storage when its term is over is not held up by that: it leads again', async () => {
  const { client } = whole;
  const wire = await whole.tap();
  const asked = wire.next(
    ({ subject }) => subject.startsWith('ckptree.v1.storage.'),
    () => undefined,
  );
  const restarting = client.restart('20261123t153926123-7f3a9c2e', { timeoutMs: 60_000 });
  restarting.catch(() => undefined);
  await asked;
  const { leader } = recordsOf(client.connection);
  const before = (await leader.get(CONTROL_KEYS.leader))!.value;
  // As if another had taken the lead, and left it.
  await leader.put(CONTROL_KEYS.leader, { ...before, instance: 'nobody' });
  await wire.close();
  await until(async () => (await leader.get(CONTROL_KEYS.leader))!.value.term > before.term);
  await expect(client.workers()).resolves.toHaveLength(1);
});

test('who ends does not wait for a store that no storage service opens', async () => {
  const access = new StoreAccess(whole.client.connection, { secrets: [] });
  const opening = access.store();
  opening.catch(() => undefined);
  await access.close();
  await expect(opening).rejects.toMatchObject({ code: 'EINTR' });
});
