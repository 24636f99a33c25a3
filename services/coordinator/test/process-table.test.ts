import {
  type Connection,
  EventPublisher,
  pageByPid,
  recordsOf,
  serve,
  type TaskRow,
  worker,
} from '@ckptree/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Workers } from '../dist/cluster/workers.js';
import { ProcessTable, type TaskPage } from '../dist/tree/process-table.js';
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

test('pages of tasks on several workers have all of them once, and no worker tells more than a page has', async () => {
  const hosted = { w1: [1, 2, 3, 4, 9], w2: [5, 7], w3: [] as number[], w4: [6, 8, 10, 11, 12] };
  const row = (pid: number, on: string): TaskRow => ({
    ...{ pid, ppid: 0, tgid: pid, pgid: pid, sid: pid, comm: 'task', state: 'running', ticks: 0 },
    ...{ tree: 't-5f0c6a1b2d3e', worker: on },
  });
  const served = Object.entries(hosted).map(([id, pids]) =>
    serve(connection, worker(id).ps, async (asked) => {
      expect(asked.limit).toBe(LIMIT);
      const { rows, next } = pageByPid(
        pids.map((pid) => row(pid, id)),
        asked,
      );
      return { tasks: rows, ...(next !== undefined && { next }) };
    }),
  );
  const LIMIT = 3;
  const workers = { list: () => Object.keys(hosted).map((id) => ({ worker: id })) };
  const table = new ProcessTable({ connection, workers } as never);
  const found: number[][] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: TaskPage = await table.page({}, { after, limit: LIMIT });
    found.push(page.rows.map(({ pid }) => pid));
    after = page.next;
  }
  expect(found).toEqual([
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
    [10, 11, 12],
  ]);
  await Promise.all(served.map((one) => one.stop()));
});
