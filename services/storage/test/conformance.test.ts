import { ClaimCheckBackend, ensureVolumeMark, NatsBackend } from '@ckptree/carrier';
import type { Connection } from '@ckptree/protocol';
import { FolderBackend, hostOwners } from '@ckptree/store';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { backendConformance } from '../../../packages/store/test/support/conformance.js';
import { noObserver } from '../dist/observer.js';
import { type StorageService, storageService } from '../dist/storage.js';
import { Cluster } from './support/cluster.js';

let cluster: Cluster;
let connection: Connection;
let running: StorageService | undefined;

beforeAll(async () => {
  cluster = await Cluster.start();
  connection = await cluster.connect();
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => cluster.end());

/** A service that takes any object: the suite stores what no store would. @returns its folder */
async function serveAnything(pieceBytes: number): Promise<string> {
  const path = await cluster.folder();
  const folder = await FolderBackend.open(path);
  running = await storageService({
    instance: `test-${Math.random().toString(16).slice(2, 10)}`,
    storeId: '0'.repeat(32),
    volumeMark: await ensureVolumeMark(path),
    pieceBytes,
    maxUploads: 16,
    maxBufferedBytes: 1024 * 1024,
    uploadIdleMs: 10_000,
  })({
    connection,
    folder,
    owners: hostOwners(),
    admission: {
      name: () => undefined,
      lease: () => undefined,
      content: async () => undefined,
      deletion: async () => undefined,
    },
    observer: noObserver,
    maintenance: { gc: () => Promise.reject(new Error()), verify: () => Promise.reject(new Error()) },
    maintenanceObserver: { collected: () => undefined, verified: () => undefined },
  });
  return path;
}

backendConformance('storage over NATS', async () => {
  await serveAnything(1024 * 1024);
  return NatsBackend.open(connection);
});

// Every object and every read of more than 2 bytes goes in pieces.
backendConformance('storage over NATS, in small pieces', async () => {
  await serveAnything(2);
  return NatsBackend.open(connection);
});

backendConformance('a shared volume', async () =>
  ClaimCheckBackend.open(connection, await serveAnything(1024 * 1024)),
);

// Every object is a claim check.
backendConformance('a shared volume, nothing sent', async () =>
  ClaimCheckBackend.open(connection, await serveAnything(1024 * 1024), { smallBytes: -1 }),
);
