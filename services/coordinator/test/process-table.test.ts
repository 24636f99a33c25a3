import { type Connection, EventPublisher, recordsOf } from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Workers } from '../dist/cluster/workers.js';
import { ProcessTable } from '../dist/tree/process-table.js';
import { Trees } from '../dist/tree/trees.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';

let bare: BareCluster;
let connection: Connection;
beforeAll(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
});
afterAll(() => bare?.stop());

test('a root that was restarted is that of the new tree, even before the old one is known to have ended', async () => {
  const records = recordsOf(connection);
  const publisher = new EventPublisher(connection);
  const trees = await Trees.load(records.trees);
  const onError = (error: unknown): void => {
    throw error;
  };
  const workers = new Workers({
    connection,
    workers: records.workers,
    events: publisher,
    treesOn: () => [],
    onJoined: () => undefined,
    onLost: () => undefined,
    onError,
  });
  try {
    for (const [tree, second] of [
      ['t-aaaaaaaaaaaa', 1],
      ['t-cccccccccccc', 3],
      ['t-bbbbbbbbbbbb', 2],
    ] as const)
      await trees.put({
        version: 1,
        tree,
        rootPid: 7,
        workers: [],
        state: 'running',
        created: `2026-11-23T15:39:0${second}.000Z`,
      });
    const table = new ProcessTable({ connection, workers, trees });
    await expect(table.locate(7)).resolves.toMatchObject({ tree: 't-cccccccccccc' });
  } finally {
    await workers.close();
    await publisher.close();
  }
});
