import { Kernel, parseSpec } from '@ckptree/kernel';
import { workerMetrics } from '@ckptree/service';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Registry } from '../../../packages/service/dist/metrics/prometheus.js';
import { HeldCheckpoints } from '../../worker/dist/held-checkpoints.js';
import type { HostedTree } from '../../worker/dist/hosted-tree.js';
import { WorkerObserver } from '../../worker/dist/worker-observer.js';

const PID = 1;
const SPEC = { root: { pid: PID, program: 'idle', params: { forever: true } } };

let kernel: Kernel;
beforeAll(async () => {
  kernel = Kernel.boot({ cpus: 1, memoryBytes: 2 ** 26 });
  await kernel.spawn(parseSpec(SPEC, { baseFolder: '/' }).tree);
});
afterAll(() => kernel?.shutdown());

test('a checkpoint that is given up while its tasks are being stopped is known no more, and can be taken anew', async () => {
  const checkpoints = new HeldCheckpoints({
    kernel,
    worker: 'w1',
    store: () => Promise.reject(new Error('no store is asked for')),
    observer: new WorkerObserver(workerMetrics(new Registry())),
    onProgress: () => undefined,
    onError: () => undefined,
  });
  const hosted = { tree: 't-000000000001', rootPid: PID } as HostedTree;
  const request = { checkpoint: 'c', pid: PID, roots: [PID], leaseMs: 60_000 };
  const preparing = checkpoints.prepare(hosted, request);
  await checkpoints.release('c');
  await preparing;
  expect(checkpoints.find('c')).toBeUndefined();
  expect(checkpoints.all).toEqual([]);

  const again = await checkpoints.prepare(hosted, request);
  expect(checkpoints.find('c')).toBe(again);
  expect(again.resume()).toMatchObject({ leaseEnded: false });
  await checkpoints.close();
  expect(checkpoints.all).toEqual([]);
});
