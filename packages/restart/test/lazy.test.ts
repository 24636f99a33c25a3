import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpoint, checkpointTo, DumpPool, storeSink } from '@ckptree/checkpoint';
import { Kernel, parseSpec, type TaskExit } from '@ckptree/kernel';
import type { ByteSource } from '@ckptree/model';
import { type RestartOptions, restartSource } from '@ckptree/restart';
import { openFileSource } from '@ckptree/restart/file-source';
import { poolEngine, Store } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shares, type TaskSpec, trees } from './random-tree.js';
import { flipByte, openFilesIn } from './support/files.js';
import { atReachedTick } from './support/reached-tick.js';

const MIB = 2 ** 20;
const SIGKILL = 9;
const SIGBUS = 7;
const folder = mkdtempSync(join(tmpdir(), 'ckptree-lazy-'));
const text = join(folder, 'words.txt');
writeFileSync(text, 'the quick brown fox jumps over the lazy dog\n'.repeat(2000));
const pool = new DumpPool({ threads: 2 });

/** Said, so that the same tree gives the same image. */
const SAME = { time: 1n, uts: { release: 'r', version: 'v', machine: 'x86_64' } };

let undisturbed: Kernel;
let kernel: Kernel;
let elsewhere: Kernel;

beforeAll(() => {
  undisturbed = Kernel.boot({ cpus: 1, memoryBytes: 256 * MIB });
  kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });
  elsewhere = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });
});

afterEach(async () => {
  for (const each of [undisturbed, kernel, elsewhere]) await killAll(each);
});

afterAll(async () => {
  await Promise.all([undisturbed, kernel, elsewhere].map((each) => each.shutdown()));
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function killAll(where: Kernel): Promise<void> {
  for (const { pid } of where.ps())
    await where.kill(pid).catch((error) => expect(error).toMatchObject({ code: 'ESRCH' }));
  await where.settled();
}

const spawn = (where: Kernel, root: TaskSpec) =>
  where.spawn(parseSpec({ root }, { baseFolder: folder }).tree);

const summary = ({ pid, status, digest }: TaskExit) => `${pid} ended with ${status}: ${digest}`;

/** Runs something in a kernel and tells how the tasks ended meanwhile. */
async function endsDuring(where: Kernel, action: () => Promise<unknown>): Promise<TaskExit[]> {
  const exits: TaskExit[] = [];
  const stop = where.onExit((exit) => exits.push(exit));
  try {
    await action();
    await where.settled();
    return exits;
  } finally {
    stop();
  }
}

interface Saved {
  readonly source: ByteSource;
  /** What is damaged when a page is to be lost. */
  readonly path: string;
  readonly close: () => Promise<void>;
}

const freshFolder = () => mkdtempSync(join(folder, 'place-'));

async function toFile(where: Kernel, rootPid = 1): Promise<Saved> {
  const path = join(freshFolder(), 'image');
  await checkpoint(where, rootPid, { ...SAME, output: path, pool, leaveFrozen: true });
  const source = openFileSource(path);
  return { source, path, close: async () => source.close() };
}

async function toStore(where: Kernel, rootPid = 1): Promise<Saved> {
  const path = freshFolder();
  const store = await Store.init(path, { engine: poolEngine(1) });
  const { saved } = await checkpointTo(storeSink(store), where, rootPid, { ...SAME, leaveFrozen: true });
  const packs = readdirSync(join(path, 'packs'));
  return {
    source: await store.source(saved.id),
    path: join(path, 'packs', packs[0]!),
    close: () => store.close(),
  };
}

const PLACES = [
  { place: 'a file', save: toFile },
  { place: 'a store', save: toStore },
];

/** Restarts lazily, and closes the source at once: what the restart still needs is its own. */
async function restartLazily({ source, close }: Saved, options: RestartOptions = {}, where = elsewhere) {
  try {
    return await restartSource(where, source, { threads: 1, ...options, lazy: true });
  } finally {
    await close();
  }
}

/** Memory that takes a while to come, and a task that goes through all of it in the end. */
const HOLDER: TaskSpec = {
  pid: 1,
  program: 'idle',
  params: { memoryMiB: 24, pattern: 'random', ticks: 2000 },
};
const FILLED = 24 * 128 + 5;

/** Tasks with memory in common. */
const FAMILY: TaskSpec = {
  pid: 1,
  program: 'forktree',
  params: { depth: 2, fanout: 2, pages: 300, work: 20_000, pidBase: 1 },
};
/** All of it: at the tick at which they are stopped each has forked, and none waits for its children yet. */
const MEMBERS = [1, 2, 3, 4, 5, 6, 7];

/** Stops tasks at a tick: all others run on, and may have ended when that is looked at. */
async function stopped(root: TaskSpec, tick: number, pids = [root.pid!]): Promise<void> {
  const stand = pids.map((pid) => kernel.stopAt(pid, tick, { unborn: true }));
  try {
    await Promise.all([spawn(kernel, root), ...stand]);
  } catch (error) {
    await killAll(kernel);
    throw error;
  }
}

async function frozenFamily(): Promise<void> {
  await stopped(FAMILY, 1_000, MEMBERS);
  await kernel.freeze(1);
}

async function imageOf(where: Kernel): Promise<Buffer> {
  const { path, close } = await toFile(where);
  await close();
  return readFileSync(path);
}

describe.each(PLACES)('a tree that is restarted lazily from $place', ({ save }) => {
  test('ends as if it had never been stopped: any tree, any tick', async () => {
    const law = fc.asyncProperty(trees(text), shares, async (root, share) => {
      const all = await endsDuring(undisturbed, () => spawn(undisturbed, root));
      const { ticks } = all.find(({ pid }) => pid === 1)!;
      await atReachedTick(Math.floor(ticks * share), (tick) => stopped(root, tick));
      const saved = await save(kernel);
      await killAll(kernel);
      const ends = await endsDuring(elsewhere, async () => (await restartLazily(saved)).filled);
      const expected = new Set(all.map(summary));
      expect(ends.map(summary).filter((end) => !expected.has(end))).toEqual([]);
      expect(ends.map(({ pid }) => pid)).toContain(1);
      expect(elsewhere.memory.stats().used).toBe(0);
    });
    await fc.assert(law, { numRuns: 10 });
  });

  test('has the same image before its memory has come', async () => {
    await frozenFamily();
    const original = await imageOf(kernel);
    const { filled } = await restartLazily(await save(kernel), { frozen: true });
    expect((await imageOf(elsewhere)).equals(original)).toBe(true);
    await filled;
  });

  test('can be saved while it runs, forks and writes, and goes on from there to the same end', async () => {
    await frozenFamily();
    const expected = new Set(
      (
        await endsDuring(undisturbed, async () => {
          const saved = await save(kernel);
          await restartSource(undisturbed, saved.source);
          await saved.close();
        })
      ).map(summary),
    );
    const saved = await save(kernel);
    await killAll(kernel);
    const images: Saved[] = [];
    const ends = await endsDuring(elsewhere, async () => {
      const { rootPid } = await restartLazily(saved);
      images.push(await save(elsewhere, rootPid));
      await elsewhere.thaw(rootPid);
    });
    expect(ends.map(summary).filter((end) => !expected.has(end))).toEqual([]);
    const again = await endsDuring(kernel, () => restartLazily(images[0]!, {}, kernel));
    expect(again.length).toBeGreaterThan(0);
    expect(again.map(summary).filter((end) => !expected.has(end))).toEqual([]);
  });

  test('is killed at any time, and leaves nothing behind', async () => {
    await stopped(HOLDER, FILLED);
    for (const delayMs of [0, 1, 5, 20]) {
      const { source, close } = await save(kernel);
      const { filled } = await restartSource(elsewhere, source, { lazy: true, threads: 1 });
      await sleep(delayMs);
      const ends = await endsDuring(elsewhere, () => elsewhere.kill(1));
      expect(ends.map(({ status }) => status)).toEqual([SIGKILL]);
      await filled;
      await close();
      expect(elsewhere.memory.stats().used).toBe(0);
    }
    expect(openFilesIn(folder)).toEqual([]);
  });

  test('and cannot enter, because a pid is taken, leaves nothing behind', async () => {
    await stopped(HOLDER, FILLED);
    await spawn(elsewhere, { pid: 1, program: 'idle', params: { ticks: 1e9 } });
    await elsewhere.freeze(1);
    const { used } = elsewhere.memory.stats();
    await expect(restartLazily(await save(kernel))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(elsewhere.memory.stats().used).toBe(used);
    expect(openFilesIn(folder)).toEqual([]);
  });

  test('does not keep its kernel from being shut down', async () => {
    await stopped(HOLDER, FILLED);
    const other = Kernel.boot({ cpus: 1, memoryBytes: 64 * MIB });
    const { filled } = await restartLazily(await save(kernel), {}, other);
    const outcome = filled.then(
      () => 'filled',
      (error) => error.code,
    );
    await other.shutdown();
    expect(['filled', 'EINTR']).toContain(await outcome);
    expect(openFilesIn(folder)).toEqual([]);
  });
});

describe('a page that cannot be had', () => {
  /** A chunk in the middle of the memory is damaged. */
  async function damaged(): Promise<Saved> {
    const saved = await toStore(kernel);
    flipByte(saved.path, 12 * MIB);
    return saved;
  }

  test('ends the task that touches it by SIGBUS, with an error that names page and chunk', async () => {
    await stopped(HOLDER, FILLED);
    const ends = await endsDuring(elsewhere, async () => {
      const { filled } = await restartLazily(await damaged());
      await expect(filled).rejects.toMatchObject({ code: 'EIO', message: expect.stringContaining('chunk') });
    });
    expect(ends).toMatchObject([
      {
        pid: 1,
        status: SIGBUS,
        error: {
          code: 'EIO',
          message: expect.stringMatching(
            /^the page at 0x[0-9a-f]+ cannot be restored: chunk [0-9a-f]+ is damaged/,
          ),
          fields: { pid: 1, comm: 'idle', vma: expect.any(String), path: expect.stringContaining('packs/') },
        },
      },
    ]);
    expect(elsewhere.memory.stats().used).toBe(0);
  });

  test('does no harm to tasks that never touch it, and is told when they end', async () => {
    const child = { pid: 2, program: 'idle', params: { memoryMiB: 1, ticks: 300_000 } };
    await stopped({ ...HOLDER, children: [child] }, FILLED, [1, 2]);
    const ends = await endsDuring(elsewhere, async () => {
      const { filled } = await restartLazily(await damaged());
      await expect(filled).rejects.toMatchObject({ code: 'EIO' });
    });
    expect(new Map(ends.map(({ pid, status }) => [pid, status]))).toEqual(
      new Map([
        [1, SIGBUS],
        [2, 0],
      ]),
    );
  });

  test('makes a checkpoint fail, and the tree runs on', async () => {
    await stopped(HOLDER, FILLED);
    const { filled } = await restartLazily(await damaged(), { frozen: true });
    await expect(imageOf(elsewhere)).rejects.toMatchObject({
      code: 'EIO',
      message: expect.stringContaining('cannot be restored'),
      fields: { pid: 1, comm: 'idle' },
    });
    await expect(filled).rejects.toMatchObject({ code: 'EIO' });
    expect(elsewhere.ps()).toHaveLength(1);
    const ends = await endsDuring(elsewhere, () => elsewhere.thaw(1).catch(() => undefined));
    expect(ends).toMatchObject([{ status: SIGBUS }]);
    expect(elsewhere.memory.stats().used).toBe(0);
  });

  test('does not keep a killed task', async () => {
    await stopped(HOLDER, FILLED);
    const { filled } = await restartLazily(await damaged(), { frozen: true });
    const ends = await endsDuring(elsewhere, () => elsewhere.kill(1));
    expect(ends).toMatchObject([{ status: SIGKILL }]);
    await expect(filled).rejects.toMatchObject({ code: 'EIO' });
    expect(elsewhere.memory.stats().used).toBe(0);
  });
});
