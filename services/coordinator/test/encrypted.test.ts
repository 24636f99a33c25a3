import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalClusterOptions } from '@ckptree/local-cluster';
import { afterAll, expect, test } from '@jest/globals';
import { runningTree, untilAllGoOn } from './support/running-tree.js';
import { SMALL_WORKER, testCluster } from './support/test-cluster.js';

/** Told to the cluster, and to be found nowhere in its store. */
const NAME = 'patients-of-ward-seven';
const ROOT = 100;

const folder = mkdtempSync(join(tmpdir(), 'ckptree-secrets-'));
const keyFile = join(folder, 'key');
writeFileSync(keyFile, randomBytes(32), { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { NATS_URL: _, ...environment } = process.env;
const withKey = ['--key-file', keyFile];
/** How the services are started, and whether the disk then shows what is in the store. */
const SECRETS: readonly (readonly [string, Partial<LocalClusterOptions>, boolean])[] = [
  ['nothing', {}, true],
  ['a passphrase', { env: { ...environment, CKPTREE_PASSPHRASE: 'correct horse' } }, false],
  [
    'a key file',
    { args: { storage: withKey, coordinator: withKey, worker: [...SMALL_WORKER, ...withKey] } },
    false,
  ],
];

test.each(SECRETS)(
  'a cluster whose store is opened by %s saves and restarts, and its disk shows a name only when that is nothing',
  async (_secret, how, shown) => {
    const { client, folder: data, stop } = await testCluster({ workers: 3, ...how });
    try {
      const { rootPid } = await runningTree(client, ROOT);
      const saved = await client.checkpoint(rootPid, { name: NAME, stop: true });
      await saved.done;
      const { tree } = await client.restart(saved.id);
      await untilAllGoOn(client, tree);
      const store = join(data, 'store');
      const files = readdirSync(store, { recursive: true, withFileTypes: true }).filter((file) =>
        file.isFile(),
      );
      const showing = files.filter(({ parentPath, name }) =>
        readFileSync(join(parentPath, name)).includes(NAME),
      );
      expect(showing.length > 0).toBe(shown);
    } finally {
      await stop();
    }
  },
);
