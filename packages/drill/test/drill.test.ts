import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type DrillReport, drill, FAULT_NAMES } from '@ckptree/drill';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const BIN = fileURLToPath(new URL('../bin/drill.js', import.meta.url));

describe('a cluster whose processes are killed and stand still while users work on it', () => {
  let folder: string;
  let report: DrillReport;
  const lines: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ckptree-drills-'));
    report = await drill({
      ...{ seed: 5, seconds: 20, users: 2, treeSeconds: 3 },
      ...{ workers: 2, storages: 1, coordinators: 2, carrier: 'volume', encrypted: true, folder },
      faults: FAULT_NAMES,
      pauseMs: { least: 500, most: 3_000 },
      tell: (line) => lines.push(line),
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('does all that it must', () => {
    expect({ violations: report.violations, lines: report.violations.length > 0 ? lines : [] }).toEqual({
      violations: [],
      lines: [],
    });
  });

  test('has suffered, and has worked', () => {
    const times = (pattern: RegExp): number =>
      Object.entries(report.counts)
        .filter(([what]) => pattern.test(what))
        .reduce((sum, [, count]) => sum + count, 0);
    expect(times(/^fault: /)).toBeGreaterThan(0);
    expect(times(/^tree ended$/)).toBeGreaterThan(0);
  });

  test('leaves nothing behind when all held', async () => {
    expect(await readdir(folder)).toEqual([]);
  });
});

test.each([
  [['--minutes', 'x'], '--minutes is a number from 0 on, and not "x"'],
  [['--users', '0'], '--users is a number from 1 on, and not "0"'],
  [['--faults', 'kill,flood'], 'there is no fault "flood"; there are kill,'],
  [['--carrier', 'pigeon'], '--carrier is volume or nats, and not "pigeon"'],
  [['--nonsense'], 'see --help'],
])('%s is refused, and told why', (args, message) => {
  const { status, stderr } = spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) });
});

test('one that is told to end leaves no process and no folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ckptree-drills-'));
  const child = spawn(process.execPath, [BIN, '--folder', folder, '--users', '1'], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!(await processes()).some((command) => command.includes(folder) && command.includes('worker-3')))
    await sleep(100);
  child.kill('SIGTERM');
  expect(await ended).toEqual([130, null]);
  expect(await readdir(folder)).toEqual([]);
  expect((await processes()).filter((command) => command.includes(folder))).toEqual([]);
  await rm(folder, { recursive: true });
});

/** The command lines of all processes. */
async function processes(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

test('--help names every fault', () => {
  const { status, stdout } = spawnSync(process.execPath, [BIN, '--help'], { encoding: 'utf8' });
  expect(status).toBe(0);
  for (const name of FAULT_NAMES) expect(stdout).toContain(name);
});
