import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkpoint, checkpointTo, DumpPool, storeSink } from '@ckptree/checkpoint';
import { Kernel, parseSpec } from '@ckptree/kernel';
import type { ByteSource } from '@ckptree/model';
import { restartSource } from '@ckptree/restart';
import { openFileSource } from '@ckptree/restart/file-source';
import { poolEngine, Store } from '@ckptree/store';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { TaskSpec } from './random-tree.js';
import { flipByte, openFilesIn } from './support/files.js';

const MIB = 2 ** 20;
const SECRET = { passphrase: 'a secret of some length' };
const folder = mkdtempSync(join(tmpdir(), 'ckptree-load-'));
const pool = new DumpPool({ threads: 2 });

/** Said, so that the same tree gives the same image. */
const SAME = { time: 1n, uts: { release: 'r', version: 'v', machine: 'x86_64' }, leaveFrozen: true };

let kernel: Kernel;
let elsewhere: Kernel;

beforeAll(() => {
  kernel = Kernel.boot({ cpus: 2, memoryBytes: 512 * MIB });
  elsewhere = Kernel.boot({ cpus: 2, memoryBytes: 512 * MIB });
});

afterEach(async () => {
  await killAll(kernel);
  await killAll(elsewhere);
});

afterAll(async () => {
  await Promise.all([kernel, elsewhere].map((each) => each.shutdown()));
  await pool.close();
  rmSync(folder, { recursive: true });
});

async function killAll(where: Kernel): Promise<void> {
  for (const { pid } of where.ps())
    await where.kill(pid).catch((error) => expect(error).toMatchObject({ code: 'ESRCH' }));
  await where.settled();
}

/** Forked tasks that share most of their memory, and more memory than one thread would load: some random, some zeros. */
const FAMILY: TaskSpec = {
  pid: 1,
  program: 'forktree',
  params: { depth: 2, fanout: 2, pages: 200, work: 1e9 },
  children: [
    { pid: 100, program: 'idle', params: { memoryMiB: 18, pattern: 'random', ticks: 1e9 } },
    { pid: 101, program: 'idle', params: { memoryMiB: 2, pattern: 'zero', ticks: 1e9 } },
    { pid: 102, program: 'idle', params: { memoryMiB: 1, pattern: 'text', ticks: 1e9 } },
  ],
};
const MEMBERS = 7 + 3;

/** The family, grown up, its memory filled, and frozen. */
async function frozenFamily(): Promise<void> {
  const filled = kernel.stopAt(100, 18 * 128 + 10, { unborn: true });
  await kernel.spawn(parseSpec({ root: FAMILY }, { baseFolder: folder }).tree);
  await filled;
  while (kernel.ps().length < MEMBERS) await sleep(5);
  await kernel.freeze(1);
}

/** An image that was saved somewhere. */
interface Saved {
  readonly source: ByteSource;
  readonly close: () => Promise<void>;
}

const freshFolder = () => mkdtempSync(join(folder, 'place-'));

async function saveToFile(): Promise<Saved> {
  const path = join(freshFolder(), 'image');
  await checkpoint(kernel, 1, { ...SAME, output: path, pool });
  const source = openFileSource(path);
  return { source, close: async () => source.close() };
}

async function saveToStore(secret?: typeof SECRET): Promise<Saved & { readonly path: string }> {
  const path = freshFolder();
  const store = await Store.init(path, {
    engine: poolEngine(2),
    ...(secret && { secret, scryptCost: 1024 }),
  });
  const { saved } = await checkpointTo(storeSink(store), kernel, 1, SAME);
  return { path, source: await store.source(saved.id), close: () => store.close() };
}

const PLACES: readonly { readonly place: string; readonly save: () => Promise<Saved> }[] = [
  { place: 'a file', save: saveToFile },
  { place: 'a store', save: saveToStore },
  { place: 'an encrypted store', save: () => saveToStore(SECRET) },
  {
    place: 'what only the main thread can read',
    async save() {
      const { source, close } = await saveToFile();
      return { source: { read: async (position, length) => source.read(position, length) }, close };
    },
  },
];

/** The image of a tree that stands still. */
async function imageOf(where: Kernel): Promise<Buffer> {
  const output = join(freshFolder(), 'image');
  await checkpoint(where, 1, { ...SAME, output, pool });
  return readFileSync(output);
}

/** Brings the tree of `kernel` to `elsewhere`. */
async function move(save: () => Promise<Saved>): Promise<void> {
  const { source, close } = await save();
  try {
    await restartSource(elsewhere, source, { frozen: true, threads: 2 });
  } finally {
    await close();
  }
}

describe.each(PLACES)('from $place', ({ save }) => {
  test('a tree comes with the same image', async () => {
    await frozenFamily();
    await move(save);
    expect((await imageOf(elsewhere)).equals(await imageOf(kernel))).toBe(true);
    await killAll(elsewhere);
    expect(elsewhere.memory.stats().used).toBe(0);
  });

  test('pages of zeros come without frames, and are in the next image', async () => {
    const root = { pid: 1, program: 'idle', params: { memoryMiB: 18, pattern: 'zero', ticks: 1e9 } };
    const filled = kernel.stopAt(1, 18 * 128 + 1, { unborn: true });
    await kernel.spawn(parseSpec({ root }, { baseFolder: folder }).tree);
    await filled;
    expect(kernel.memory.stats().used).toBeGreaterThan(18 * 256);
    await move(save);
    expect(elsewhere.memory.stats().used).toBeLessThan(18 * 256 * 0.05);
    expect((await imageOf(elsewhere)).equals(await imageOf(kernel))).toBe(true);
  });
});

describe('from a store', () => {
  test('pages that tasks have in common come in the same frames', async () => {
    await frozenFamily();
    await move(saveToStore);
    const { used } = elsewhere.memory.stats();
    expect(used).toBeLessThanOrEqual(kernel.memory.stats().used);
  });

  test('tasks that share frames do not see what others write', async () => {
    const root = { ...FAMILY, params: { ...FAMILY.params, work: 20_000 }, children: [] };
    const ends: string[][] = [[], []];
    const stop = [kernel, elsewhere].map((where, index) =>
      where.onExit(({ pid, status, digest }) => ends[index]!.push(`${pid} ${status} ${digest}`)),
    );
    await kernel.spawn(parseSpec({ root }, { baseFolder: folder }).tree);
    while (kernel.ps().length < MEMBERS - 3) await sleep(1);
    await kernel.freeze(1);
    await move(saveToStore);
    for (const where of [kernel, elsewhere]) {
      await where.thaw(1);
      await where.settled();
    }
    for (const end of stop) end();
    expect(ends[1]!.length).toBeGreaterThan(3);
    expect(ends[0]).toEqual(expect.arrayContaining(ends[1]!));
  });

  test('a damaged chunk is told by its pack, and nothing is left behind', async () => {
    await frozenFamily();
    const { path, source, close } = await saveToStore();
    const packs = join(path, 'packs');
    const pack = readdirSync(packs)[0]!;
    flipByte(join(packs, pack), 10 * MIB);
    await expect(restartSource(elsewhere, source, { threads: 2 })).rejects.toMatchObject({
      code: 'EIO',
      fields: { path: `packs/${pack}`, position: expect.any(Number) },
    });
    await close();
    expect(elsewhere.ps()).toEqual([]);
    expect(elsewhere.memory.stats().used).toBe(0);
    expect(openFilesIn(path)).toEqual([]);
  });
});
