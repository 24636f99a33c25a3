import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

test('nor does it when it is ended while its cluster starts, and a service takes long to end', async () => {
  const { code, stderr } = await ckptree(['demo'], {
    env: { TMPDIR: scratch.path('') },
    meanwhile: async (child) => {
      process.kill(await workerOfDemo(), 'SIGSTOP');
      child.kill('SIGINT');
    },
  });
  expect({ code, stderr }).toEqual({ code: 130, stderr: 'ckptree: ended by SIGINT\n' });
  expect(scratch.list()).toEqual([]);
});

/** The process of a worker as soon as it has begun to log. */
async function workerOfDemo(): Promise<number> {
  for (;;) {
    const [demo = ''] = scratch.list();
    const log = scratch.path(join(demo, 'cluster/log/worker-1.log'));
    const [, pid] = /"pid":(\d+)/.exec(await readFile(log, 'utf8').catch(() => '')) ?? [];
    if (pid !== undefined) return Number(pid);
    await sleep(20);
  }
}
