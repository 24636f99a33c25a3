import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource, verifyImage } from '@ckptree/image';
import { Kernel, parseSpec, type SpawnTree, type TaskExit } from '@ckptree/kernel';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { Cluster } from './support/cluster.js';

const examples = join(import.meta.dirname, '../../../examples');
const folder = mkdtempSync(join(tmpdir(), 'ckptree-cluster-'));
const WORKERS = ['a', 'b', 'c'];
const cluster = new Cluster(WORKERS);
const alone = Kernel.boot({ cpus: 1, memoryBytes: 512 * 2 ** 20 });

afterEach(() => cluster.clear());

afterAll(async () => {
  await Promise.all([cluster.shutdown(), alone.shutdown()]);
  rmSync(folder, { recursive: true });
});

function example(name: string): SpawnTree {
  const document = JSON.parse(readFileSync(join(examples, name), 'utf8'));
  return parseSpec(document, { baseFolder: examples }).tree;
}

const summary = ({ pid, status, digest }: TaskExit) => `${pid} ended with ${status}: ${digest}`;

async function endsAlone(tree: SpawnTree): Promise<readonly TaskExit[]> {
  const ends: TaskExit[] = [];
  const stop = alone.onExit((end) => ends.push(end));
  await alone.spawn(tree);
  await alone.settled();
  stop();
  return ends;
}

/** Tasks of a spec that have no children there, round the workers: as many fragments as there can be. */
function scattered({ tasks }: SpawnTree): Map<number, string> {
  let next = 0;
  return new Map(
    tasks
      .filter(({ shareMm }) => !shareMm)
      .filter(({ pid }) => !tasks.some(({ ppid, shareMm }) => ppid === pid && shareMm))
      .map(({ pid }) => [pid, WORKERS[next++ % WORKERS.length]!]),
  );
}

describe('a tree that is spread over three workers', () => {
  test.each(['mixed.json', 'forktree.json', 'shared.json', 'sessions.json', 'zombies.json', 'threads.json'])(
    '%s ends the same from a checkpoint on three workers, two and one',
    async (name) => {
      const tree = example(name);
      const rootPid = tree.tasks[0]!.pid;
      const undisturbed = await endsAlone(tree);
      const expected = new Set(undisturbed.map(summary));
      const { ticks } = undisturbed.findLast(({ pid }) => pid === rootPid)!;
      for (const [share, on] of [
        [0.2, ['c', 'b', 'a']],
        [0.4, ['b', 'c']],
        [0.6, ['a']],
      ] as const) {
        const forests = await cluster.loadSpawned(tree, scattered(tree));
        const hosts = WORKERS.filter((id) => cluster.kernel(id).ps().some(({ pid }) => pid === rootPid));
        const stopped = cluster.kernel(hosts[0]!).stopAt(rootPid, Math.floor(ticks * share));
        for (const forest of forests) forest.start();
        await stopped;
        const { image, merged } = await cluster.checkpoint(rootPid, { container: true });
        expect(await verifyImage(bytesSource(image))).toMatchObject({ findings: [] });
        expect(merged.figures.tasks).toBe(merged.tasks.length);
        await cluster.clear();
        cluster.ends.length = 0;
        await cluster.restart(image, on);
        await cluster.settled();
        const restarted = cluster.ends.map(summary);
        expect(restarted.filter((end) => !expected.has(end))).toEqual([]);
        expect(cluster.ends.map(({ pid }) => pid)).toContain(rootPid);
        for (const kernel of cluster.kernels.values()) expect(kernel.memory.stats().used).toBe(0);
      }
    },
  );
});
