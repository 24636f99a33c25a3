import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';

const BENCH = new URL('../bin/bench.js', import.meta.url).pathname;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ckptree-interrupted-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a bench that %s ends leaves nothing behind', async (signal, code) => {
  const bench = spawn(process.execPath, [BENCH, 'index', '--folder', folder], { stdio: 'ignore' });
  const ended = once(bench, 'exit');
  // By now it makes packs, in a process of its own.
  while (!(await readdir(folder, { recursive: true })).some((name) => name.includes('packs')))
    await setTimeout(20);
  bench.kill(signal);
  expect(await ended).toEqual([code, null]);
  expect(await readdir(folder)).toEqual([]);
});
