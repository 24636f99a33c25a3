import { expect, test } from '@jest/globals';
import { ckptree, documentOf, scratchFolder } from './support/ckptree.js';

const scratch = scratchFolder();

interface Report {
  proved: boolean;
  tasks: number;
  equal: number[];
  different: number[];
  workers: string[];
  restartedOn: string[];
  killed: { worker: string };
  checkpoint: { bytes: number; tasks: number; mms: number; downtimeUs: number; totalMs: number };
}

test('the demo proves what it says, with the tree that it promises, and leaves nothing behind', async () => {
  const { code, stdout, stderr } = await ckptree(['demo', '--json'], { env: { TMPDIR: scratch.path('') } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { proved, equal, different, checkpoint, workers, killed, restartedOn } = documentOf<Report>(
    'demo',
    stdout,
  );
  expect({ proved, different }).toEqual({ proved: true, different: [] });
  expect(equal.length).toBeGreaterThanOrEqual(20);
  expect(checkpoint.tasks).toBeGreaterThanOrEqual(20);
  expect(checkpoint.bytes).toBeGreaterThanOrEqual(256 * 2 ** 20);
  // Some tasks share an address space.
  expect(checkpoint.mms).toBeLessThan(checkpoint.tasks);
  expect(checkpoint.downtimeUs / 1_000).toBeLessThan(checkpoint.totalMs);
  expect(workers).toHaveLength(3);
  expect(restartedOn).not.toContain(killed.worker);
  expect(scratch.list()).toEqual([]);
});
