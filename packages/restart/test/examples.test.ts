import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint, DumpPool } from '@ckptree/checkpoint';
import { Kernel, parseSpec, type Spec, type TaskExit } from '@ckptree/kernel';
import { restartImage } from '@ckptree/restart';
import { afterAll, expect, test } from '@jest/globals';
import { atReachedTick } from './support/reached-tick.js';

const examples = join(import.meta.dirname, '../../../examples');
const folder = mkdtempSync(join(tmpdir(), 'ckptree-examples-'));
const image = join(folder, 'tree.ckpt');

const kernel = Kernel.boot({ cpus: 2, memoryBytes: 2 ** 30 });
const elsewhere = Kernel.boot({ cpus: 2, memoryBytes: 2 ** 30 });
const pool = new DumpPool({ threads: 2 });

afterAll(async () => {
  await kernel.shutdown();
  await elsewhere.shutdown();
  await pool.close();
  rmSync(folder, { recursive: true });
});

/** When, as shares of the ticks that the root executes. */
const SHARES = [0, 0.1, 0.3, 0.5, 0.7];

/** An example as it stands in the repository, but for where it writes. */
function example(name: string): Spec {
  const document = JSON.parse(readFileSync(join(examples, name), 'utf8'));
  if (document.root.params?.output !== undefined) document.root.params.output = join(folder, 'output');
  return parseSpec(document, { baseFolder: examples });
}

async function endsOf(where: Kernel, action: () => Promise<unknown>): Promise<readonly TaskExit[]> {
  const ends: TaskExit[] = [];
  const stop = where.onExit((end) => ends.push(end));
  await action();
  await where.settled();
  stop();
  return ends;
}

const summary = ({ pid, status, digest }: TaskExit) => `${pid} ended with ${status}: ${digest}`;

const names = readdirSync(examples).filter((name) => name.endsWith('.json'));

test.each(names)('%s ends the same from a checkpoint at any of five ticks', async (name) => {
  const { tree } = example(name);
  const rootPid = tree.tasks[0]!.pid;
  const undisturbed = await endsOf(kernel, () => kernel.spawn(tree));
  const expected = new Set(undisturbed.map(summary));
  const { ticks } = undisturbed.findLast(({ pid }) => pid === rootPid)!;
  for (const share of SHARES) {
    await atReachedTick(Math.floor(ticks * share), async (tick) => {
      await kernel.settled();
      const stopped = kernel.stopAt(rootPid, tick, { unborn: true });
      await Promise.all([kernel.spawn(tree), stopped]);
    });
    await checkpoint(kernel, rootPid, { output: image, pool, leaveFrozen: true });
    await kernel.kill(rootPid);
    await kernel.settled();
    const restarted = await endsOf(elsewhere, () => restartImage(elsewhere, image));
    expect(restarted.map(({ pid }) => pid)).toContain(rootPid);
    expect(restarted.map(summary).filter((end) => !expected.has(end))).toEqual([]);
    expect(elsewhere.memory.stats().used).toBe(0);
  }
});
