import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CheckpointOptions, checkpoint, DumpPool } from '@ckptree/checkpoint';
import type { TaskTree } from '@ckptree/model';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { arbitraryTree } from './support/arbitrary-tree.js';
import { AddressSpace, PhysicalMemory } from './support/memory.js';
import { HEAD, imageOf } from './support/planned.js';
import { recordsNamed, recordsOf } from './support/records.js';
import { HandMadeSource } from './support/source.js';
import { fileTable, mm, openFile, task, tree, vma, zombie } from './support/trees.js';

let pool: DumpPool;
let folder: string;
let output: string;

beforeAll(() => {
  pool = new DumpPool({ threads: 2 });
});
afterAll(() => pool.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ckptree-checkpoint-'));
  output = join(folder, 'image');
});
afterEach(() => rmSync(folder, { recursive: true }));

const HEAD_OPTIONS = { uts: HEAD.uts, time: HEAD.time };

function smallTree(): TaskTree {
  const space = new AddressSpace(new PhysicalMemory(8));
  space.setPage(0x1000, { content: Uint8Array.of(1) });
  const shared = mm([vma(0x1000, 4)], { users: 2, memory: space.snapshot() });
  const files = fileTable([openFile()]);
  return tree(task(1, { mm: shared, files }), task(2, { mm: shared }), zombie(3));
}

const refusedTree = () => tree(task(1, { mm: mm([vma(0x1000, 1, { ops: 'shm' })]) }));

test('README: a checkpoint of a tree is one file, whole and durable', async () => {
  const source = new HandMadeSource(smallTree());
  const { path, bytes, tasks, pages, timing } = await checkpoint(source, 1, { output });
  expect({ path, tasks, pages }).toEqual({ path: output, tasks: 3, pages: 1 });
  expect(bytes).toBe(statSync(output).size);
  expect(timing.downtimeUs).toBeLessThan(1000);
});

describe('a checkpoint', () => {
  test('is the image that the sequential dump writes', async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryTree, async (any) => {
        const source = new HandMadeSource(any);
        const result = await checkpoint(source, 1, { output, pool, ...HEAD_OPTIONS });
        expect(Buffer.compare(readFileSync(output), await imageOf(any))).toBe(0);
        expect(result.bytes).toBe(statSync(output).size);
        expect(source.held).toBe(0);
      }),
      { numRuns: 25 },
    );
  });

  test('tells its figures', async () => {
    const result = await checkpoint(new HandMadeSource(smallTree()), 1, { output, pool, threads: 1 });
    expect(result).toMatchObject({ tasks: 3, mms: 1, files: 1, pages: 1, path: output });
    expect(result.timing).toMatchObject({ freezeUs: 1, snapshotUs: 2, downtimeUs: 3 });
    for (const figure of ['planMs', 'dumpMs', 'syncMs'] as const)
      expect(result.timing[figure]).toBeGreaterThan(0);
  });

  test('of one cut with the same uts and time is the same bytes again', async () => {
    const source = new HandMadeSource(smallTree());
    await checkpoint(source, 1, { output, pool, ...HEAD_OPTIONS });
    const first = readFileSync(output);
    await checkpoint(source, 1, { output, pool, ...HEAD_OPTIONS });
    expect(Buffer.compare(readFileSync(output), first)).toBe(0);
  });

  test('says when it was taken, and on what system', async () => {
    await checkpoint(new HandMadeSource(smallTree()), 1, { output, pool });
    const records = recordsOf(readFileSync(output));
    expect(Math.abs(Number(records[0]!.body.getBigUint64(48, true)) - Date.now() / 1000)).toBeLessThan(60);
    expect(
      recordsNamed(readFileSync(output), 'BUFFER')
        .slice(0, 3)
        .map(({ body }) => body.byteLength),
    ).toEqual([65, 65, 65]);
  });

  test('is a subtree unless a container is asked for', async () => {
    const uflags = async (options: Partial<CheckpointOptions>) => {
      await checkpoint(new HandMadeSource(smallTree()), 1, { output, pool, ...options });
      return recordsOf(readFileSync(output))[0]!.body.getBigUint64(56, true);
    };
    expect([await uflags({}), await uflags({ container: true })]).toEqual([1n, 0n]);
  });

  test('can be read by its owner alone', async () => {
    await checkpoint(new HandMadeSource(smallTree()), 1, { output, pool });
    expect(statSync(output).mode & 0o777).toBe(0o600);
  });

  test('leaves the tasks frozen when that was asked for, until they are thawed', async () => {
    const source = new HandMadeSource(smallTree());
    const result = await checkpoint(source, 1, { output, pool, leaveFrozen: true });
    expect([source.frozen, source.held]).toEqual([true, 0]);
    await result.thaw();
    expect(source.frozen).toBe(false);
  });

  test('tells its progress up to the last byte', async () => {
    const seen: number[] = [];
    const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }) =>
      seen.push(totalBytes - bytes);
    await checkpoint(new HandMadeSource(smallTree()), 1, { output, pool, onProgress });
    expect(seen.at(-1)).toBe(0);
  });

  test('replaces a file, and the file that a symbolic link points to', async () => {
    const link = join(folder, 'link');
    writeFileSync(output, 'old');
    symlinkSync(output, link);
    const { path, bytes } = await checkpoint(new HandMadeSource(smallTree()), 1, { output: link, pool });
    expect(path).toBe(output);
    expect(statSync(output).size).toBe(bytes);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
  });

  test('can be taken several at a time of one source', async () => {
    const source = new HandMadeSource(smallTree());
    const take = (name: string) =>
      checkpoint(source, 1, { output: join(folder, name), pool, ...HEAD_OPTIONS });
    await Promise.all(['a', 'b', 'c'].map(take));
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(join(folder, name)));
    expect([Buffer.compare(a!, b!), Buffer.compare(b!, c!)]).toEqual([0, 0]);
  });
});

describe('a checkpoint that fails', () => {
  /** The tasks run, the snapshots are given back, an older image is as it was, and no file is left. */
  async function expectFailure(source: HandMadeSource, options: Partial<CheckpointOptions>, failure: object) {
    writeFileSync(output, 'an older image');
    const attempt = checkpoint(source, 1, { output, pool, leaveFrozen: true, ...options });
    await expect(attempt).rejects.toMatchObject(failure);
    expect(source.frozen).toBe(false);
    expect(source.held).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe('an older image');
    expect(readdirSync(folder)).toEqual(['image']);
  }

  test('because something cannot be saved leaves the tree running and no file', async () => {
    const place = { pid: 1, comm: 'task-1', object: 'MM', objref: 1, vma: '1000-2000' };
    await expectFailure(new HandMadeSource(refusedTree()), {}, { code: 'ENOSYS', fields: place });
  });

  test('because the container leaks leaves the tree running and no file', async () => {
    const shared = tree(task(1, { mm: mm([], { users: 2 }) }));
    await expectFailure(new HandMadeSource(shared), { container: true }, { code: 'EBUSY' });
    await checkpoint(new HandMadeSource(shared), 1, { output, pool });
  });

  test('because a dump thread died says EPIPE and leaves the tree running and no file', async () => {
    const worker = new URL('./support/crashing-worker.cjs', import.meta.url);
    const crashing = new DumpPool({ threads: 2, worker });
    try {
      await expectFailure(new HandMadeSource(smallTree()), { pool: crashing }, { code: 'EPIPE' });
    } finally {
      await crashing.close();
    }
  });

  test('because it was cancelled before says EINTR and freezes nothing', async () => {
    const source = new HandMadeSource(smallTree());
    await expectFailure(source, { signal: AbortSignal.abort() }, { code: 'EINTR' });
    expect(source.cuts).toBe(0);
  });

  test('because it was cancelled while the tasks were frozen says EINTR', async () => {
    const controller = new AbortController();
    const source = new HandMadeSource(smallTree());
    const cut = source.cut.bind(source);
    source.cut = async (...args) => {
      controller.abort();
      return cut(...args);
    };
    await expectFailure(source, { signal: controller.signal }, { code: 'EINTR' });
  });

  test('because there is no such task says ESRCH', async () => {
    await expectFailure(new HandMadeSource({ ...smallTree(), rootPid: 77 }), {}, { code: 'ESRCH' });
  });

  test('because the file cannot be created freezes nothing', async () => {
    const source = new HandMadeSource(smallTree());
    const missing = join(folder, 'missing', 'image');
    await expectFailure(source, { output: missing }, { code: 'ENOENT', fields: { path: missing } });
    expect(source.cuts).toBe(0);
  });

  test('because its output is a folder or a device says EINVAL and does not replace it', async () => {
    await expectFailure(new HandMadeSource(smallTree()), { output: '/dev/null' }, { code: 'EINVAL' });
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    await expectFailure(new HandMadeSource(smallTree()), { output: folder }, { code: 'EINVAL' });
  });

  test('and cannot thaw says both', async () => {
    const source = new HandMadeSource(refusedTree());
    const cut = source.cut.bind(source);
    source.cut = async (...args) => ({
      ...(await cut(...args)),
      thaw: () => Promise.reject(new Error('no answer')),
    });
    await expect(checkpoint(source, 1, { output, pool, leaveFrozen: true })).rejects.toMatchObject({
      code: 'ENOSYS',
      message: expect.stringMatching(/shm.*the tasks are still frozen: no answer/),
    });
  });

  test('because the disk is full says ENOSPC and leaves no file', () => {
    const child = fileURLToPath(new URL('./support/checkpoint-child.mjs', import.meta.url));
    const take = (limit: string) => {
      const { stdout } = spawnSync(
        'sh',
        ['-c', `${limit} exec "$0" "$1" "$2"`, process.execPath, child, output],
        {
          encoding: 'utf8',
          env: { ...process.env, NODE_OPTIONS: '' },
        },
      );
      return JSON.parse(stdout);
    };
    // A limit on the size of files is the one full disk that needs no rights: blocks of 512 bytes or of 1 KiB.
    expect(take('ulimit -f 1000;')).toEqual({
      code: 'ENOSPC',
      message: expect.stringMatching(
        /^cannot write from byte \d+ on: it would be larger than the file system/,
      ),
      files: [],
    });
    expect(take('')).toMatchObject({ files: ['image'] });
  });
});
