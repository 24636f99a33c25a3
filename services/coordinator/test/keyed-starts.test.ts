import { type Connection, recordsOf } from '@ckptree/protocol';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { KeyedStarts } from '../dist/tree/keyed-starts.js';
import { Trees } from '../dist/tree/trees.js';
import { type BareCluster, bareCluster } from './support/bare-cluster.js';
import { testCluster } from './support/test-cluster.js';

let bare: BareCluster;
let connection: Connection;
beforeAll(async () => {
  bare = await bareCluster();
  ({ connection } = bare);
});
afterAll(() => bare?.stop());

const started = { tree: 't-5f0c6a1b2d3e', rootPid: 1, tasks: 3, workers: ['w1'] };

async function keyedStarts() {
  const records = recordsOf(connection);
  const trees = await Trees.load(records.trees);
  const start = async (key?: string) => {
    starts++;
    const { tree, rootPid, workers } = started;
    await trees.put({
      version: 1,
      tree,
      rootPid,
      workers,
      state: 'running',
      created: '2026-11-23T15:39:26.123Z',
      ...(key !== undefined && { key }),
    });
    return started;
  };
  let starts = 0;
  return { keyed: new KeyedStarts(trees), start, count: () => starts };
}

describe('a start with a key', () => {
  test('that comes again joins the one that is under way, or is told what came of it', async () => {
    const { keyed, start, count } = await keyedStarts();
    const both = await Promise.all([keyed.once('k', 'spawn', start), keyed.once('k', 'spawn', start)]);
    expect(both).toEqual([started, started]);
    await expect(keyed.once('k', 'spawn', start)).resolves.toEqual({ ...started, tasks: 0 });
    expect(count()).toBe(1);
    await keyed.once('k', 'restart', start);
    expect(count()).toBe(2);
  });

  test('is known to the next coordinator', async () => {
    const first = await keyedStarts();
    await first.keyed.once('takeover', 'spawn', first.start);
    const second = await keyedStarts();
    await expect(second.keyed.once('takeover', 'spawn', second.start)).resolves.toMatchObject({
      tree: started.tree,
    });
    expect(second.count()).toBe(0);
  });

  test('is known to the next coordinator when the first died the moment it had started the tree', async () => {
    const first = await keyedStarts();
    const dies = new Promise<void>((resolve) => {
      void first.keyed.once('death', 'spawn', async (key) => {
        await first.start(key);
        resolve();
        return new Promise(() => undefined);
      });
    });
    await dies;
    const second = await keyedStarts();
    await expect(second.keyed.once('death', 'spawn', second.start)).resolves.toMatchObject({
      tree: started.tree,
    });
    expect(second.count()).toBe(0);
  });

  test('that failed may be tried again', async () => {
    const { keyed, start } = await keyedStarts();
    const failing = () => Promise.reject(new Error('no worker'));
    await expect(keyed.once('again', 'spawn', failing)).rejects.toThrow('no worker');
    await expect(keyed.once('again', 'spawn', start)).resolves.toEqual(started);
  });
});

test('a tree is started once, and restarted once, over the death of the coordinator', async () => {
  const { cluster, client, stop } = await testCluster();
  try {
    const idle = { root: { pid: 7, program: 'idle', params: { forever: true } } };
    const spawned = await client.spawn(idle, { key: 'k' });
    await cluster.get('coordinator-1').kill('SIGKILL');
    await expect(client.spawn(idle, { key: 'k' })).resolves.toMatchObject({ tree: spawned.tree });
    const checkpoint = await client.checkpoint(7, { stop: true });
    await checkpoint.done;
    const restarted = await client.restart(checkpoint.id, { key: 'k' });
    expect(restarted.tree).not.toBe(spawned.tree);
    await cluster.get('coordinator-1').kill('SIGKILL');
    await expect(client.restart(checkpoint.id, { key: 'k' })).resolves.toMatchObject({
      tree: restarted.tree,
    });
  } finally {
    await stop();
  }
});
