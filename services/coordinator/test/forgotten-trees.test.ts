import { recordsOf } from '@ckptree/protocol';
import { expect, test } from '@jest/globals';
import { TreeKeeper } from '../dist/tree/tree-keeper.js';
import { Trees } from '../dist/tree/trees.js';
import { bareCluster } from './support/bare-cluster.js';
import { until } from './support/test-cluster.js';

const [OLD, RECENT] = ['t-000000000001', 't-000000000002'];
const DAY_MS = 24 * 3_600_000;

test('a tree that ended more than a day ago is forgotten, also while one coordinator leads all the time', async () => {
  const bare = await bareCluster();
  const { connection } = bare;
  const records = recordsOf(connection).trees;
  const trees = await Trees.load(records);
  const ended = (tree: string, agoMs: number) => {
    const at = new Date(Date.now() - agoMs).toISOString();
    return trees.put({ version: 1, tree, rootPid: 1, workers: [], state: 'ended', created: at, ended: at });
  };
  await ended(OLD, DAY_MS + 60_000);
  await ended(RECENT, DAY_MS - 60_000);
  const keeper = new TreeKeeper({ connection, trees } as never, () => undefined);
  try {
    await until(() => trees.find(OLD) === undefined);
    expect((await records.list()).map(({ key }) => key)).toEqual([RECENT]);
    expect(trees.all).toHaveLength(1);
  } finally {
    await keeper.close();
    await bare.stop();
  }
});
