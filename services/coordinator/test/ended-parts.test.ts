import { Kernel, parseSpec, splitTree } from '@ckptree/kernel';
import { expect, test } from '@jest/globals';
import { HostedTrees } from '../../worker/dist/hosted-trees.js';

const MANY = 300;

test('a worker goes on knowing trees whose tasks have all ended there: they may run on elsewhere', async () => {
  const kernel = Kernel.boot({ cpus: 1, memoryBytes: 2 ** 26 });
  const trees = new HostedTrees(kernel, () => undefined);
  try {
    for (let pid = 1; pid <= MANY; pid++) {
      const { tree } = parseSpec(
        { root: { pid, program: 'idle', params: { ticks: 1 } } },
        { baseFolder: '/' },
      );
      const forest = splitTree(tree, { treeId: `t-${pid}`, workerOf: () => 'w1' }).get('w1')!;
      const hosted = trees.load(`t-${pid}`, pid, () => kernel.loadSpawned(forest));
      await hosted.loaded;
      hosted.start(false);
      await kernel.settled();
    }
    expect(trees.get('t-1').tasks).toBe(1);
    expect(() => trees.get('t-1').ends).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    expect(trees.get(`t-${MANY}`).ends).toMatchObject([{ pid: MANY }]);
  } finally {
    trees.close();
    await kernel.shutdown();
  }
});
