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
  await client.retention({ keepLast: 1 });
  expect(await client.lastRetention()).toEqual({});
  const asked = new Date().toISOString();
  await client.applyRetention({ dryRun: true });
  expect(await client.lastRetention()).toEqual({});
  await client.applyRetention();
  const { lastRun = '', lastError } = await client.lastRetention();
  expect(lastRun >= asked).toBe(true);
  expect(lastError).toBeUndefined();

  // A file where the folder of manifests should be.
  await writeFile(join(folder, 'store', 'manifests'), '');
  const reason: unknown = await client.applyRetention().catch((error: unknown) => error);
  expect(isCkptError(reason)).toBe(true);
  const failed = await client.lastRetention();
  expect(failed.lastRun! > lastRun).toBe(true);
  const { code, message } = reason as CkptError;
  expect(failed.lastError).toMatchObject({ code, message });
});
