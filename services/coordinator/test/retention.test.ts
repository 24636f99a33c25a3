import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CkptError, isCkptError } from '@ckptree/errors';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type TestCluster, testCluster } from './support/test-cluster.js';

let whole: TestCluster;
beforeAll(async () => {
  whole = await testCluster();
});
afterAll(() => whole?.stop());

test('retention says when it ran last, and why that failed', async () => {
  const { client, folder } = whole;
  const policy = { keepLast: 1 };
  expect(await client.retention(policy)).toEqual({ policy });
  const asked = new Date().toISOString();
  expect(await client.applyRetention({ dryRun: true })).toEqual({ policy, forgotten: [] });
  const { lastRun = '', lastError } = await client.applyRetention();
  expect(lastRun >= asked).toBe(true);
  expect(lastError).toBeUndefined();

  // A file where the folder of manifests should be.
  await writeFile(join(folder, 'store', 'manifests'), '');
  const reason: unknown = await client.applyRetention().catch((error: unknown) => error);
  expect(isCkptError(reason)).toBe(true);
  const failed = await client.retention();
  expect(failed.lastRun! > lastRun).toBe(true);
  const { code, message } = reason as CkptError;
  expect(failed.lastError).toMatchObject({ code, message });
});

test.each<[string, object, string]>([
  ['is misspelled', { keep_last: 7 }, '/policy/keep_last'],
  ['would keep nothing', { keepLast: 0 }, '/policy/keepLast'],
])('a rule that %s is refused, and the policy stays', async (_, policy, field) => {
  const { client } = whole;
  const before = (await client.retention()).policy;
  await expect(client.retention(policy)).rejects.toMatchObject({ code: 'EINVAL', fields: { field } });
  expect((await client.retention()).policy).toEqual(before);
});
