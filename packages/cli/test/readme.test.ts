import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint } from '@ckptree/checkpoint';
import { Kernel, readSpec } from '@ckptree/kernel';
import { restartImage } from '@ckptree/restart';
import { expect, test } from '@jest/globals';

test('README: a tree is saved, killed, and restarted, as a library', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ckptree-readme-'));
  const output = join(folder, 'tree.ckpt');
  const example = join(import.meta.dirname, '../../../examples/mixed.json');
  const kernel = Kernel.boot();
  try {
    const root = await kernel.spawn((await readSpec(example)).tree);
    await kernel.stopAt(root, 10_000);
    const { timing } = await checkpoint(kernel, root, { output });
    expect(timing.downtimeUs).toBeGreaterThan(0);
    await kernel.kill(root);
    const statuses: number[] = [];
    kernel.onExit(({ pid, status }) => pid === root && statuses.push(status));
    await restartImage(kernel, output);
    await kernel.settled();
    expect(statuses).toEqual([0]);
  } finally {
    await kernel.shutdown();
    rmSync(folder, { recursive: true });
  }
});
