import { execFileSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpoint, DumpPool } from '@ckptree/checkpoint';
import { diffTrees, readTree, verifyImage } from '@ckptree/image';
import { contentVersion, Kernel, parseSpec, type TaskExit } from '@ckptree/kernel';
import { type RestartOptions, restartImage, restartSource } from '@ckptree/restart';
import { openFileSource } from '@ckptree/restart/file-source';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shares, type TaskSpec, trees } from './random-tree.js';
import { atReachedTick } from './support/reached-tick.js';

const MIB = 2 ** 20;
const TIB = 2 ** 40;
const folder = mkdtempSync(join(tmpdir(), 'ckptree-restart-'));
const text = join(folder, 'words.txt');
writeFileSync(text, 'the quick brown fox jumps over the lazy dog\n'.repeat(2000));
const image = (name: string) => join(folder, `${name}.ckpt`);

let undisturbed: Kernel;
let kernel: Kernel;
let elsewhere: Kernel;
const pool = new DumpPool({ threads: 2 });

beforeAll(() => {
  // Different numbers of cpus: where tasks run must not matter.
  undisturbed = Kernel.boot({ cpus: 1, memoryBytes: 256 * MIB });
  kernel = Kernel.boot({ cpus: 2, memoryBytes: 256 * MIB });
  elsewhere = Kernel.boot({ cpus: 3, memoryBytes: 256 * MIB });
});

afterAll(async () => {
  await Promise.all([undisturbed, kernel, elsewhere].map((each) => each.shutdown()));
  await pool.close();
  rmSync(folder, { recursive: true });
});

afterEach(async () => {
  // What a failed test left would make the next ones wait for ever.
  for (const each of [undisturbed, kernel, elsewhere]) await killAll(each);
});

const spawn = (where: Kernel, root: TaskSpec) =>
  where.spawn(parseSpec({ root }, { baseFolder: folder }).tree);

/** Runs something in a kernel and tells how the tasks ended meanwhile. */
async function exitsDuring(where: Kernel, action: () => Promise<unknown>): Promise<TaskExit[]> {
  const exits: TaskExit[] = [];
  const end = where.onExit((exit) => exits.push(exit));
  try {
    await action();
    await where.settled();
    return exits;
  } finally {
    end();
  }
}

const summary = ({ pid, status, digest }: TaskExit) => `${pid} ended with ${status}: ${digest}`;

/** Ends whatever is left in a kernel: a root may have ended before its children. */
async function killAll(where: Kernel): Promise<void> {
  for (const { pid } of where.ps())
    await where.kill(pid).catch((error) => expect(error).toMatchObject({ code: 'ESRCH' }));
  await where.settled();
}

/** The oldest living ancestor of a task. */
function oldest(pid: number): number {
  const parents = new Map(kernel.ps().map(({ pid, tgid, ppid }) => [pid, tgid === pid ? ppid : tgid]));
  let top = pid;
  for (let up = parents.get(pid); up !== undefined && parents.has(up); up = parents.get(up)) top = up;
  return top;
}

interface Stop {
  readonly pid: number;
  readonly tick: number;
}

/** Stops tasks at ticks, checkpoints the tree from the top of the first of them down, and kills everything. */
async function checkpointAt(
  root: TaskSpec,
  stops: Stop | readonly [Stop, ...Stop[]],
  output: string,
  topOf = oldest,
) {
  const all = 'pid' in stops ? [stops] : stops;
  const stopped = all.map(({ pid, tick }) => kernel.stopAt(pid, tick, { unborn: true }));
  try {
    await Promise.all([spawn(kernel, root), ...stopped]);
    for (;;) {
      const top = topOf(all[0]!.pid);
      try {
        return await checkpoint(kernel, top, { output, pool, leaveFrozen: true });
      } catch (error) {
        // All but the stopped tasks run on, so the top may have ended since it was looked up.
        if (kernel.ps().some(({ pid }) => pid === top)) throw error;
      }
    }
  } finally {
    await killAll(kernel);
  }
}

async function differencesOf(one: string, other: string) {
  const sources = [one, other].map((name) => openFileSource(image(name)));
  try {
    const [a, b] = await Promise.all(
      sources.map(async (source) => ({ source, contents: await readTree(source) })),
    );
    return await diffTrees(a!, b!);
  } finally {
    for (const source of sources) source.close();
  }
}

const forktree: TaskSpec = { pid: 1, program: 'forktree', params: { depth: 2, fanout: 2 } };

describe('a restarted tree', () => {
  test('ends as if it had never been stopped: any tree, any task, any tick', async () => {
    const law = fc.asyncProperty(trees(text), fc.nat(), shares, async (root, pick, share) => {
      const all = await exitsDuring(undisturbed, () => spawn(undisturbed, root));
      expect(all.filter(({ error }) => error !== undefined)).toEqual([]);
      const chosen = all[pick % all.length]!;
      const stop = { pid: chosen.pid, tick: Math.floor(chosen.ticks * share) };
      const { bytes } = await atReachedTick(stop.tick, (tick) =>
        checkpointAt(root, { ...stop, tick }, image('law')),
      );
      expect(bytes).toBeGreaterThan(0);
      const restarted = await exitsDuring(elsewhere, () => restartImage(elsewhere, image('law')));
      const expected = new Set(all.map(summary));
      expect(restarted.map(summary).filter((end) => !expected.has(end))).toEqual([]);
      expect(restarted.map(({ pid }) => pid)).toContain(chosen.pid);
      expect(elsewhere.memory.stats().used).toBe(0);
    });
    await fc.assert(law, { numRuns: 25 });
  });

  test('may be any subtree of the tree that ran', async () => {
    const root = {
      ...forktree,
      children: [{ ...forktree, pid: 100, children: [{ ...forktree, pid: 200 }] }],
    };
    const all = await exitsDuring(undisturbed, () => spawn(undisturbed, root));
    // Both: what runs on may have ended when the image is taken.
    const stops = [100, 200].map((pid) => ({ pid, tick: 50 })) as [Stop, Stop];
    await checkpointAt(root, stops, image('subtree'), (pid) => pid);
    const restarted = await exitsDuring(elsewhere, () => restartImage(elsewhere, image('subtree')));
    const expected = all.map(summary);
    expect(restarted.length).toBeGreaterThanOrEqual(2);
    for (const end of restarted) expect(expected).toContain(summary(end));
  });

  test('that has not run is saved as it was: any tree, any task, any tick', async () => {
    const law = fc.asyncProperty(trees(text), fc.nat(), fc.nat(60), async (root, pick, tick) => {
      const all = await exitsDuring(undisturbed, () => spawn(undisturbed, root));
      const chosen = all[pick % all.length]!;
      await atReachedTick(Math.min(tick, Math.floor(chosen.ticks * 0.9)), (tick) =>
        checkpointAt(root, { pid: chosen.pid, tick }, image('law')),
      );
      const { rootPid } = await restartImage(elsewhere, image('law'), { frozen: true });
      await checkpoint(elsewhere, rootPid, { output: image('again'), pool, leaveFrozen: true });
      await killAll(elsewhere);
      const {
        head: _,
        pages: __,
        equal: ___,
        moreDifferences: ____,
        ...differences
      } = await differencesOf('law', 'again');
      expect(Object.values(differences).flat()).toEqual([]);
    });
    await fc.assert(law, { numRuns: 15 });
  });

  test('gives the same image again when it has not run', async () => {
    const root = {
      ...forktree,
      // Others run on while one is stopped: the root must still be there.
      params: { ...forktree.params, work: 1_000_000_000 },
      children: [
        { program: 'zombies', pid: 50, params: { count: 4, ticks: 100_000 } },
        { program: 'wordcount', pid: 90, params: { path: text } },
      ],
    };
    await checkpointAt(root, { pid: 90, tick: 40 }, image('first'));
    const same = { time: 1n, uts: { release: 'r', version: 'v', machine: 'x86_64' } };
    await restartImage(elsewhere, image('first'), { frozen: true });
    await checkpoint(elsewhere, 1, { ...same, output: image('second'), pool, leaveFrozen: true });
    await killAll(elsewhere);
    await restartImage(kernel, image('second'), { frozen: true });
    await checkpoint(kernel, 1, { ...same, output: image('third'), pool, leaveFrozen: true });
    await killAll(kernel);
    expect(readFileSync(image('third')).equals(readFileSync(image('second')))).toBe(true);
  });

  test('stays frozen when that is asked for, until it is thawed', async () => {
    await checkpointAt(forktree, { pid: 1, tick: 20 }, image('frozen'));
    const { rootPid } = await restartImage(elsewhere, image('frozen'), { frozen: true });
    // The children of the stopped task run on, and may have ended.
    const states = elsewhere.ps().map(({ state }) => state);
    expect(states.filter((state) => state !== 'zombie' && state !== 'frozen')).toEqual([]);
    expect(states).toContain('frozen');
    const ends = await exitsDuring(elsewhere, () => elsewhere.thaw(rootPid));
    expect(ends.length).toBeGreaterThan(0);
  });

  test('comes from what is no file to the same end as from a file', async () => {
    await checkpointAt(forktree, { pid: 1, tick: 20 }, image('source'));
    const fromFile = await exitsDuring(elsewhere, () => restartImage(elsewhere, image('source')));
    const bytes = readFileSync(image('source'));
    const source = {
      read: async (position: number, length: number) => bytes.subarray(position, position + length),
    };
    const fromSource = await exitsDuring(kernel, () => restartSource(kernel, source));
    const digests = (exits: readonly TaskExit[]) => exits.map(({ pid, digest }) => `${pid} ${digest}`).sort();
    expect(digests(fromSource)).toEqual(digests(fromFile));
  });

  test('shares again what it shared: memory, descriptors, open files', async () => {
    const root = { program: 'threads', pid: 1, params: { members: 3, kind: 'processes', file: text } };
    await checkpointAt(root, { pid: 2, tick: 3 }, image('shared'));
    await restartImage(elsewhere, image('shared'), { frozen: true });
    const { tree, release } = await elsewhere.cut(1);
    const leader = tree.tasks[0];
    const members = tree.tasks.slice(1).filter(({ exitState }) => exitState === 0);
    expect(members.length).toBeGreaterThan(0);
    for (const { mm, files } of members) {
      expect(mm).toBe(leader!.mm);
      expect(files).toBe(leader!.files);
    }
    expect(leader!.mm!.users).toBe(1 + members.length);
    release();
    await killAll(elsewhere);
  });
});

describe('a restart is refused, before anything runs and with nothing left behind, when', () => {
  /** Restarting must fail so, and the kernel must be as if nothing had been tried. */
  async function refused(path: string, error: object, options: RestartOptions = {}): Promise<void> {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    await expect(restartImage(elsewhere, path, options)).rejects.toMatchObject(error);
    expect(elsewhere.ps()).toEqual([]);
    expect(elsewhere.memory.stats().used).toBe(0);
    expect(descriptors()).toBe(before);
  }

  const counting = (path: string): TaskSpec => ({
    pid: 1,
    program: 'wordcount',
    params: { path, passes: 3 },
  });

  test('a file that it needs is missing', async () => {
    const path = join(folder, 'gone.txt');
    copyFileSync(text, path);
    await checkpointAt(counting(path), { pid: 1, tick: 30 }, image('gone'));
    rmSync(path);
    await refused(image('gone'), { code: 'ENOENT', fields: { path, pid: 1, comm: 'wordcount' } });
  });

  test('a file that it needs has changed', async () => {
    const path = join(folder, 'changed.txt');
    copyFileSync(text, path);
    await checkpointAt(counting(path), { pid: 1, tick: 30 }, image('changed'));
    writeFileSync(path, readFileSync(path, 'utf8').replace('fox', 'cat'));
    await refused(image('changed'), { code: 'ESTALE', fields: { path } });
    copyFileSync(text, path);
    const ends = await exitsDuring(elsewhere, () => restartImage(elsewhere, image('changed')));
    expect(ends.map(({ status }) => status)).toEqual([0]);
  });

  test('a file that it needs is larger than anybody has the time to read, or it is cancelled meanwhile', async () => {
    const path = join(folder, 'vast.txt');
    copyFileSync(text, path);
    await checkpointAt(counting(path), { pid: 1, tick: 30 }, image('vast'));
    truncateSync(path, TIB + 1);
    await refused(image('vast'), { code: 'E2BIG', fields: { path, pid: 1, comm: 'wordcount' } });
    truncateSync(path, TIB);
    await refused(image('vast'), { code: 'EINTR' }, { signal: AbortSignal.timeout(100) });
  });

  test('a file of which it knows nothing is a pipe or a device here', async () => {
    const path = join(folder, 'pipe.txt');
    copyFileSync(text, path);
    await checkpointAt(counting(path), { pid: 1, tick: 30 }, image('pipe'));
    const version = Buffer.alloc(8);
    version.writeBigUInt64LE(await contentVersion(path));
    overwrite(image('pipe'), readFileSync(image('pipe')).indexOf(version), new Uint8Array(8));
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await refused(image('pipe'), { code: 'EINVAL', fields: { path, pid: 1, comm: 'wordcount' } });
  });

  test('the image is damaged, cut short, or none', async () => {
    await checkpointAt(forktree, { pid: 1, tick: 30 }, image('whole'));
    const { size } = openAndClose(image('whole'));
    const damaged = image('damaged');
    copyFileSync(image('whole'), damaged);
    overwrite(damaged, 8, Uint8Array.of(0xff));
    await refused(damaged, { code: 'EBADMSG', fields: { position: expect.any(Number) } });
    for (const length of [0, 1, 100, size - 1]) {
      copyFileSync(image('whole'), damaged);
      truncateSync(damaged, length);
      await refused(damaged, { code: expect.stringMatching(/^(EBADMSG|ENOEXEC)$/) });
    }
    await refused(text, { code: 'ENOEXEC' });
    await refused(image('never'), { code: 'ENOENT' });
    await refused(folder, { code: 'EINVAL' });
  });

  test('its program is unknown here', async () => {
    await checkpointAt({ pid: 1, program: 'sieve' }, { pid: 1, tick: 30 }, image('program'));
    const bytes = readFileSync(image('program'));
    const name = bytes.indexOf('/ckptree/bin/sieve');
    bytes.write('/ckptree/bin/sxxxx', name);
    writeFileSync(image('program'), bytes);
    await refused(image('program'), { code: 'ENOENT', fields: { path: '/ckptree/bin/sxxxx' } });
  });

  test.each([
    ['descriptor table', 8, 'ENOSYS'],
    ['address space', 12, 'ENOEXEC'],
  ])('a task that is alive has no %s', async (_, field, code) => {
    const idle: TaskSpec = { program: 'idle', params: { ticks: 1e9 } };
    const sharing: TaskSpec = { ...idle, pid: 1, children: [{ ...idle, share: ['mm', 'files'] }] };
    await checkpointAt(sharing, { pid: 1, tick: 30 }, image('bare'));
    // The last of the records that say what a task uses.
    const objects = readFileSync(image('bare')).lastIndexOf(Uint8Array.of(104, 0, 0, 0, 32, 0, 0, 0));
    overwrite(image('bare'), objects + field, new Uint8Array(4));
    await refused(image('bare'), { code, fields: { pid: 2 } });
  });

  test('one of its pids is taken', async () => {
    await checkpointAt(forktree, { pid: 1, tick: 30 }, image('taken'));
    await restartImage(elsewhere, image('taken'), { frozen: true });
    const used = elsewhere.memory.stats().used;
    await expect(restartImage(elsewhere, image('taken'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(elsewhere.memory.stats().used).toBe(used);
    await killAll(elsewhere);
  });

  test('the memory does not suffice', async () => {
    await checkpointAt(
      { pid: 1, program: 'idle', params: { memoryMiB: 16, ticks: 1e6 } },
      { pid: 1, tick: 5000 },
      image('large'),
    );
    const small = Kernel.boot({ cpus: 1, memoryBytes: 8 * MIB });
    await expect(restartImage(small, image('large'))).rejects.toMatchObject({ code: 'ENOMEM' });
    expect(small.memory.stats().used).toBe(0);
    await small.shutdown();
  });

  test('it is cancelled', async () => {
    await checkpointAt(
      { pid: 1, program: 'idle', params: { memoryMiB: 16, ticks: 1e6 } },
      { pid: 1, tick: 5000 },
      image('cancelled'),
    );
    await expect(
      restartImage(elsewhere, image('cancelled'), { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'EINTR' });
    expect(elsewhere.memory.stats().used).toBe(0);
  });
});

test('an image of a running tree verifies, and the tree runs on undisturbed', async () => {
  // Long enough to be still at work when the checkpoint begins.
  const long: TaskSpec = { pid: 1, program: 'forktree', params: { depth: 2, fanout: 2, work: 20_000 } };
  const all = await exitsDuring(undisturbed, () => spawn(undisturbed, long));
  const ends = await exitsDuring(kernel, async () => {
    const root = await spawn(kernel, long);
    await checkpoint(kernel, root, { output: image('running'), pool });
  });
  expect(ends.map(summary).toSorted()).toEqual(all.map(summary).toSorted());
  const source = openFileSource(image('running'));
  expect(await verifyImage(source)).toMatchObject({ ok: true, findings: [] });
  source.close();
});

function openAndClose(path: string): { readonly size: number } {
  const source = openFileSource(path);
  source.close();
  return source;
}

function overwrite(path: string, position: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, position);
  closeSync(fd);
}
